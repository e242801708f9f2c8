"""What every file on the corpora shelf must do."""

import json

import pytest

from limbeck.core.shelf import shelf
from limbeck.core.spec import describe
from limbeck.text.corpus import Tally

SHELF = shelf("corpora")
TEXTS = ["To be, or not.\nThat is it.", "NA", "東京 is far."]


def reference(name, folder):
    """What a corpus of `TEXTS` is called, written in a format."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if name == "text":
        (folder / "a.txt").write_text("\n\n".join(TEXTS), encoding="utf-8")
        return str(folder / "a.txt")
    if name == "parquet":
        pq.write_table(pa.table({"text": TEXTS}), folder / "a.parquet")
        return str(folder / "a.parquet")
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS), encoding="utf-8")
    return str(folder / "a.jsonl") if name == "jsonl" else f"hf:{folder}"


@pytest.fixture(params=SHELF.names())
def module(request):
    return SHELF.load(request.param)


def test_it_says_what_it_reads(module):
    assert module.__doc__
    assert all(ending.startswith(".") and ending == ending.lower() for ending in module.EXTENSIONS)
    assert all(field.meaning for field in describe(module.Spec))


def test_defaults_survive_a_recipe(module):
    spec = module.Spec()
    assert SHELF.parse({"kind": spec.kind, **spec.model_dump(mode="json")}, "format") == spec


def test_no_two_formats_claim_a_name():
    names = ["a.txt", "a.TXT.gz", "a.jsonl", "a.jsonl.zst", "a.parquet", "hf:org/name", "a.docx", "README.md", "a.gz"]
    claims = [[name for name in SHELF.names() if SHELF.load(name).claims(reference)] for reference in names]
    assert claims == [["text"], ["text"], ["jsonl"], ["jsonl"], ["parquet"], ["hub"], [], [], []]


def test_documents_are_lists_of_paragraphs_with_their_places(module, tmp_path):
    name = module.Spec().kind
    place = reference(name, tmp_path)
    assert module.claims(place)
    tally = Tally()
    found = list(module.build(module.Spec()).documents(place, tally))
    assert [document.paragraphs for document in found] == [["To be, or not.", "That is it."], ["NA"], ["東京 is far."]]
    path = place if name != "hub" else f"hf:{tmp_path}"
    lines = (1, 4, 6) if name == "text" else (1, 2, 3)
    assert [document.place for document in found] == [f"{path}:{line}" for line in lines]
    assert tally.broken == tally.cut == 0
    assert tally.lines >= len(TEXTS)
    assert name == "hub" or tally.read == (tmp_path / place).stat().st_size

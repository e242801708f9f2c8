"""What every file on the readers shelf must do."""

import contextlib
import random

import pytest

from limbeck.core.errors import DataError
from limbeck.core.shelf import shelf
from limbeck.core.spec import describe
from limbeck.core.table import Table

SHELF = shelf("readers")


@pytest.fixture(params=SHELF.names())
def module(request):
    return SHELF.load(request.param)


def test_it_says_what_it_reads(module):
    assert module.__doc__
    assert isinstance(module.EXTENSIONS, tuple)
    assert all(ending.startswith(".") and ending == ending.lower() for ending in module.EXTENSIONS)
    assert all(field.meaning for field in describe(module.Spec))


def test_defaults_survive_a_recipe(module):
    spec = module.Spec()
    fields = {"kind": spec.kind, **spec.model_dump(mode="json")}
    assert SHELF.parse(fields, "reader") == spec


def test_no_two_readers_claim_an_ending():
    endings = [ending for name in SHELF.names() for ending in SHELF.load(name).EXTENSIONS]
    assert len(endings) == len(set(endings))


def test_it_claims_its_endings_and_no_other_file(module, tmp_path):
    for ending in module.EXTENSIONS:
        path = tmp_path / f"A{ending.upper()}"
        path.write_bytes(b"\xff")
        assert module.claims(path)
        assert not module.claims(tmp_path / f"missing{ending}")
    (tmp_path / "a.docx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    assert not module.claims(tmp_path / "a.docx")
    assert not module.claims(tmp_path / "empty")


def test_missing_and_empty_files_are_data_errors(module, tmp_path):
    ending = next(iter(module.EXTENSIONS), "")
    (tmp_path / f"empty{ending}").write_bytes(b"")
    for name in ("missing", "empty"):
        with pytest.raises(DataError, match=name):
            module.build(module.Spec()).read(tmp_path / f"{name}{ending}")


def test_any_bytes_give_a_whole_table_or_a_data_error(module, tmp_path):
    draw = random.Random(0)
    pieces = [
        b"text",
        b"label",
        b"a",
        b'"',
        b",",
        b"\t",
        b"\n",
        b"\r",
        b" ",
        b"{",
        b"}",
        b":",
        b"[",
        b"]",
        b"O",
        b"B-X",
    ]
    pieces += [b"\xe9", b"\0", b"#", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"1", b";", b"null"]
    path = tmp_path / f"a{next(iter(module.EXTENSIONS), '')}"
    for _ in range(300):
        path.write_bytes(b"".join(draw.choices(pieces, k=draw.randrange(1, 25))))
        with contextlib.suppress(DataError):
            check_whole(module.build(module.Spec()).read(path))


def check_whole(table: Table) -> None:
    """Every column is as long as the table, and a value is a non-blank text, a list of texts, or None."""
    assert len(table) > 0
    for values in table.columns.values():
        assert len(values) == len(table)
        for value in values:
            assert value is None or isinstance(value, str | list)
            assert not isinstance(value, list) or all(isinstance(v, str) for v in value)

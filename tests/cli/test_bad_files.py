"""Nothing dirty gets in: every bad file is refused at its place, with exit code 2, and nothing is written."""

import os
import subprocess
import sys

import pytest

from tests.bad_files import BAD, parquet, rows, sentences, table


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def check(bad, path, text):
    """What is said names each place in turn, briefly and without a traceback."""
    text = text[text.index("error: ") :]
    at = 0
    for said in bad.says:
        wanted = said.format(file=path, folder=path.parent)
        assert wanted in text[at:], text
        at = text.index(wanted, at)
    assert "Traceback" not in text
    assert len(text.splitlines()) <= 22
    assert max(map(len, text.splitlines())) < 1000


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_file_is_refused_at_its_place(cli, sources, name):
    bad = BAD[name]
    path = bad.make(sources)
    out = sources.parent / "out"
    flags = [flag.format(folder=sources) for flag in bad.flags]
    result = cli("prepare", path, "--out", out, *flags)
    assert result.exit_code == 2, result.stderr
    check(bad, path, result.stderr)
    assert not result.stdout
    assert sorted(p.name for p in sources.parent.iterdir()) == ["in"]


def test_there_are_many_of_each_kind():
    assert len(BAD) >= 60
    endings = {bad.name.rpartition(".")[2] for bad in BAD.values()}
    assert {"csv", "tsv", "jsonl", "json", "parquet", "saved", "conll", "xlsx", "gz"} <= endings


@pytest.mark.parametrize("name", ["nan", pytest.param("latin-1-tsv", marks=pytest.mark.slow)])
def test_compress_refuses_it_before_any_work(cli, sources, name):
    path = BAD[name].make(sources)
    result = cli("compress", path, "--out", sources.parent / "out", "--teacher", "minilm-l6")
    assert result.exit_code == 2
    check(BAD[name], path, result.stderr)
    assert not (sources.parent / "out" / "data").exists()


@pytest.mark.parametrize("name", ["short-row-csv", pytest.param("spreadsheet", marks=pytest.mark.slow)])
def test_a_process_leaves_with_2_and_no_traceback(sources, name):
    path = BAD[name].make(sources)
    command = [sys.executable, "-m", "limbeck", "prepare", path, "--out", sources.parent / "out"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    check(BAD[name], path, result.stderr)
    assert not (sources.parent / "out").exists()


def test_a_finished_bundle_is_left_alone_by_a_file_that_went_bad(cli, sources):
    path, out = sources / "a.csv", sources.parent / "out"
    path.write_text(table(n=200))
    assert cli("prepare", path, "--out", out).exit_code == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    path.write_text(table(n=200) + "alone\n")
    assert cli("prepare", path, "--out", out).exit_code == 2
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable to root")
def test_a_file_that_may_not_be_read(cli, sources):
    path = sources / "a.csv"
    path.write_text(table())
    path.chmod(0)
    assert f"{path}: may not be read" in cli("prepare", path, "--out", sources.parent / "out").stderr


KEPT = ("NA", "null", "None", "nan", "001", "a\u200bb", "\u202eolleh", "👩\u200d🚀", "e\u0301", "=1+1", "\ufeffmark")


def _jsonl(texts):
    import json

    return "".join(json.dumps({"text": t, "label": ("good", "bad")[i % 2]}) + "\n" for i, t in enumerate(texts))


GOOD = {
    "csv": ("a.csv", lambda texts: "text,label\n" + "".join(f"{t},{'gb'[i % 2]}\n" for i, t in enumerate(texts))),
    "csv-bom": (
        "a.csv",
        lambda texts: "\ufefftext,label\n" + "".join(f"{t},{'gb'[i % 2]}\n" for i, t in enumerate(texts)),
    ),
    "csv-crlf": (
        "a.csv",
        lambda texts: "text,label\r\n" + "".join(f"{t},{'gb'[i % 2]}\r\n" for i, t in enumerate(texts)),
    ),
    "csv-cr": ("a.csv", lambda texts: "text,label\r" + "".join(f"{t},{'gb'[i % 2]}\r" for i, t in enumerate(texts))),
    "csv-spaced-header": (
        "a.csv",
        lambda texts: " text , label \n" + "".join(f"{t},{'gb'[i % 2]}\n" for i, t in enumerate(texts)),
    ),
    "tsv": ("a.tsv", lambda texts: "text\tlabel\n" + "".join(f"{t}\t{'gb'[i % 2]}\n" for i, t in enumerate(texts))),
    "jsonl": ("a.jsonl", _jsonl),
    "jsonl-bom": ("a.jsonl", lambda texts: "\ufeff" + _jsonl(texts)),
    "jsonl-crlf": ("a.jsonl", lambda texts: _jsonl(texts).replace("\n", "\r\n")),
    "parquet": ("a.parquet", lambda texts: parquet(text=list(texts), label=["gb"[i % 2] for i in range(len(texts))])),
}


@pytest.mark.parametrize("form", sorted(GOOD))
def test_odd_texts_that_are_texts_are_kept(cli, sources, form):
    from limbeck.core.bundle import open_bundle
    from limbeck.text.examples import SPLITS, read_examples

    name, build = GOOD[form]
    texts = [*KEPT, *(f"film number {i}" for i in range(90))]
    content = build(texts)
    path = sources / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode())
    result = cli("prepare", path, "--out", sources.parent / "out", "--set", "min_rows=5")
    assert result.exit_code == 0, result.stderr
    bundle = open_bundle(sources.parent / "out")
    found = [e.text for split in SPLITS for e in read_examples(bundle, split)]
    assert sorted(found) == sorted(texts)


def test_lone_surrogates_of_json_are_kept_and_trained_as_replacement_characters(cli, sources):
    from limbeck.core.bundle import open_bundle
    from limbeck.text.examples import read_examples

    path = sources / "a.jsonl"
    path.write_text(_jsonl(f"film {i} \ud800" for i in range(200)))
    assert "\\ud800" in path.read_text()
    assert cli("prepare", path, "--out", sources.parent / "out").exit_code == 0
    assert all(e.text.endswith("\ud800") for e in read_examples(open_bundle(sources.parent / "out"), "train"))


@pytest.mark.parametrize(
    "content", [sentences().rstrip("\n"), sentences().replace("\n", "\r\n"), "\ufeff" + sentences()]
)
def test_conll_of_any_line_ends(cli, sources, content):
    path = sources / "a.conll"
    path.write_bytes(content.encode())
    assert cli("prepare", path, "--out", sources.parent / "out", "--set", "min_rows=5").exit_code == 0


def test_utf_16_is_read_when_it_is_named(cli, sources):
    path = sources / "a.csv"
    path.write_bytes(("text,label\n" + rows(200)).encode("utf-16"))
    assert cli("prepare", path, "--out", sources.parent / "out", "--encoding", "utf-16").exit_code == 0

import json

import pytest

from limbeck.core import files
from limbeck.core.errors import DataError, RecipeError
from limbeck.core.shelf import shelf
from limbeck.text.corpus import MOST_DOCUMENT_CHARACTERS, Tally, chunks, open_corpus


def texts(reference, form=None, column="", tally=None):
    spec = shelf("corpora").parse(form, "format") if form else None
    return [d.paragraphs for d in open_corpus(str(reference), spec, column).documents(tally or Tally())]


def test_a_folder_is_all_its_files_sorted_by_name_each_by_its_own_format(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.jsonl").write_text('{"text": "third"}\n')
    (tmp_path / "a.txt").write_text("first\n")
    (tmp_path / "aa.txt").write_text("second\n")
    (tmp_path / ".hidden.txt").write_text("never\n")
    (tmp_path / "README.md").write_text("never\n")
    assert texts(tmp_path) == [["first"], ["second"], ["third"]]
    corpus = open_corpus(str(tmp_path), None, "")
    assert corpus.unused == ["README.md"]
    assert sorted(corpus.hashes()) == ["a.txt", "aa.txt", "b/1.jsonl"]
    assert corpus.total == sum((tmp_path / n).stat().st_size for n in ("a.txt", "aa.txt", "b/1.jsonl"))


@pytest.mark.parametrize("form", ["{}", "hf:{}"])
def test_a_corpus_is_hashed_once_while_its_files_stay_as_they_are(form, tmp_path, monkeypatch):
    path, read = tmp_path / "set" / "a.jsonl", []
    path.parent.mkdir()
    path.write_text('{"text": "one"}\n')
    hashed = files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda path: read.append(path) or hashed(path))

    def hashes():
        return open_corpus(form.format(path.parent), None, "").hashes()

    first = hashes()
    assert (hashes(), len(read)) == (first, 2)  # what was written just now may be written again at the same time
    monkeypatch.setattr(files, "_SETTLED_SECONDS", -1)
    assert (hashes(), hashes(), len(read)) == (first, first, 3)
    path.write_text('{"text": "other"}\n')
    assert hashes() != first
    assert len(read) == 4


def test_a_format_that_is_said_overrules_names(tmp_path):
    (tmp_path / "wiki.en").write_text("a\n\nb\n")
    assert texts(tmp_path, form="text") == texts(tmp_path / "wiki.en", form="text") == [["a"], ["b"]]
    with pytest.raises(
        DataError, match=r"wiki.en: no file of a known format .*\.txt.*--format: hub, jsonl, parquet, te"
    ):
        texts(tmp_path / "wiki.en")


def test_a_column_is_for_formats_that_have_some(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "x", "text": "y"}\n')
    assert texts(tmp_path / "a.jsonl", column="body") == [["x"]]
    (tmp_path / "a.txt").write_text("x\n")
    with pytest.raises(RecipeError, match="'body' is given, but a corpus of format text has no columns"):
        texts(tmp_path / "a.txt", column="body")
    assert texts(tmp_path, column="body") == [["x"], ["x"]]  # of a folder, for those files that have some


@pytest.mark.parametrize("reference", ["none.txt", "none"])
def test_a_missing_corpus_is_a_data_error(reference, tmp_path):
    with pytest.raises(DataError, match="no such file or folder; give a corpus that exists"):
        texts(tmp_path / reference)


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\u3000\n\ufeff"[:-1]])
def test_a_corpus_without_text_is_a_data_error(content, tmp_path):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match="there is no text in it"):
        texts(tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file of a known format"):
        texts(tmp_path / "empty")


def test_documents_of_text_end_at_blank_lines_where_lines_end_with_cr_too(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\rb\r\rc\r")
    assert texts(tmp_path / "a.txt") == [["a", "b"], ["c"]]
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "x"}\r{"text": "y"}\r')
    assert texts(tmp_path / "a.jsonl") == [["x"], ["y"]]


def test_documents_of_text_end_at_blank_lines_and_white_space_around_lines_is_lost(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n a b \r\nc\n \t \n\n\nd")
    assert texts(tmp_path / "a.txt") == [["a b", "c"], ["d"]]


BROKEN = {
    '{"text": "fine"': "column 16: not JSON",
    "[1]": "an object is expected (found list)",
    '{"body": 1}': "no 'text'; there are 'body'",
    "{}": "no 'text'; there are no keys",
    '{"text": 3}': "'text' is no text (3)",
    '{"text": null}': "'text' is no text (null)",
    '{"text": "a\\u0000b"}': "character 2 is NUL",
    '{"text": "a\\ud800"}': "character 2 is half of a surrogate pair",
    "[" * 100_000: "",
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_named_counted_and_left_out(line, tmp_path):
    path, tally = tmp_path / "a.jsonl", Tally()
    path.write_text('{"text": "fine"}\n' + line + "\n\n" + '{"text": "fine"}\n' * 200)
    assert texts(path, tally=tally) == [["fine"]] * 201
    assert tally.broken == 1
    assert tally.shown[0].startswith(f"{path}:2: {BROKEN[line]}")
    assert tally.warnings() == [f"1 of 203 lines are broken and left out: {tally.shown[0]}"]


def test_too_many_broken_lines_are_an_error_that_shows_the_first_twenty(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n' * 100 + "{\n" * 30)
    with pytest.raises(DataError, match=r"30 of 130 lines are broken, more than the 1.0%") as caught:
        texts(path)
    assert str(caught.value).count("not JSON") == 20
    assert len(texts(path, tally=Tally(max_broken_fraction=0.25))) == 100


def test_a_hopeless_file_is_given_up_early(tmp_path):
    (tmp_path / "a.jsonl").write_text("{\n" * 100_000)
    with pytest.raises(DataError, match=r"101 of 101 lines are broken"):
        texts(tmp_path / "a.jsonl")


def test_nul_and_latin_1_in_plain_text_are_left_out(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntw\0o\nthr\xe9e\nfour\n" + b"x\n" * 300)
    tally = Tally()
    assert texts(tmp_path / "a.txt", tally=tally)[0][:2] == ["one", "four"]
    assert [told.partition(": ")[2] for told in tally.shown] == [
        "character 3 is NUL",
        "byte 4 (0xe9) is not UTF-8",
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_long_line_is_cut_at_spaces_and_counted(name, tmp_path):
    line = "word " * 5000
    (tmp_path / name).write_text((json.dumps({"text": line}) if name == "a.jsonl" else line) + "\nshort\n"[:0])
    tally = Tally(max_line_chars=1000)
    paragraphs = [p for document in texts(tmp_path / name, tally=tally) for p in document]
    assert "".join(paragraphs).split() == ["word"] * 5000
    assert max(map(len, paragraphs)) <= 1000
    assert tally.cut == 1
    assert "1 lines are longer than 1000 characters and were cut at spaces" in tally.warnings()[0]


def test_a_paragraph_longer_than_a_document_goes_on_in_others(tmp_path):
    (tmp_path / "a.txt").write_text("word " * 50_000)
    tally = Tally(max_line_chars=1_000_000)
    documents = texts(tmp_path / "a.txt", tally=tally)
    assert [[len(p) for p in paragraphs] for paragraphs in documents] == [[100_000], [100_000], [49_999]]
    assert tally.warnings() == ["1 lines are longer than 100000 characters and were cut at spaces"]


def test_a_json_line_that_is_too_long_is_broken(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "x" * (3 << 20)}) + "\n" + '{"text": "y"}\n' * 200)
    form, tally = {"kind": "jsonl", "max_line_mb": 1}, Tally()
    assert texts(tmp_path / "a.jsonl", form, tally=tally) == [["y"]] * 200
    assert tally.shown == [f"{tmp_path / 'a.jsonl'}:1: longer than 1 MiB"]


def test_a_large_document_goes_on_in_others(tmp_path):
    (tmp_path / "a.txt").write_text(("x" * 999 + "\n") * 250)
    found = texts(tmp_path / "a.txt")
    assert [len(d) for d in found] == [100, 100, 50]
    assert sum(map(len, found[0])) <= MOST_DOCUMENT_CHARACTERS


def test_parquet_says_what_is_wrong(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"texts": ["a", None, "b"] + ["c"] * 600, "n": range(603)}), path)
    tally = Tally()
    assert texts(path, column="texts", tally=tally) == [["a"], ["b"], *[["c"]] * 600]
    assert tally.shown == [f"{path}:2: no text (null)"]
    assert tally.read == path.stat().st_size
    with pytest.raises(DataError, match=r"no column 'text' \(did you mean 'texts'\?\); the columns are 'texts', 'n'"):
        texts(path)
    with pytest.raises(DataError, match="column 'n' holds int64, not texts"):
        texts(path, column="n")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        texts(path, column="texts")


@pytest.mark.parametrize("kind", ["string_view", "large_string", "large_binary"])
def test_parquet_texts_of_every_type_are_read(kind, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    long = "東京 is far " * 3
    values = [long.encode() if "binary" in kind else long, None]
    pq.write_table(pa.table({"text": pa.array(values, getattr(pa, kind)())}), tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet", tally=Tally(max_broken_fraction=1)) == [[long.strip()]]


def test_parquet_bytes_that_are_no_text_are_left_out(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": [b"fine", b"\xe9"] + [b"x"] * 200}), tmp_path / "a.parquet")
    tally = Tally()
    assert len(texts(tmp_path / "a.parquet", tally=tally)) == 201
    assert tally.shown == [f"{tmp_path / 'a.parquet'}:2: byte 1 is not UTF-8"]


class TestHub:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
        (tmp_path / "set").mkdir()
        for split, words in {"train": "abc", "test": "z"}.items():
            lines = (json.dumps({"text": word, "n": 1}) + "\n" for word in words)
            (tmp_path / "set" / f"{split}.jsonl").write_text("".join(lines))
        return tmp_path / "set"

    def test_a_local_data_set_is_streamed_by_split(self, folder):
        assert texts(f"hf:{folder}") == [["a"], ["b"], ["c"]]
        assert texts(f"hf:{folder}:test") == [["z"]]

    def test_its_state_has_a_name(self, folder):
        corpus = open_corpus(f"hf:{folder}", None, "")
        before = corpus.hashes()
        (folder / "test.jsonl").write_text('{"text": "other"}\n')
        assert corpus.hashes() != before
        assert corpus.total == 0

    @pytest.mark.parametrize(
        ("ending", "column", "told"),
        [(":nope", "", "cannot be read"), ("", "body", "no column 'body'; the columns are"), ("", "n", "is no text")],
    )
    def test_what_cannot_be_read_is_told(self, ending, column, told, folder):
        with pytest.raises(DataError, match=told):
            texts(f"hf:{folder}{ending}", column=column)

    def test_without_a_network_it_says_so(self):
        with pytest.raises(DataError, match=r"hf:org/none: cannot be read .*network"):
            open_corpus("hf:org/none", None, "").hashes()
        with pytest.raises(DataError, match="hf:org/none: cannot be read"):
            texts("hf:org/none")
        with pytest.raises(DataError, match="no reference to a data set"):
            texts("hf::train")


def test_chunks_are_of_bounded_size_and_hold_all(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join("x" * n for n in range(1, 100)))
    documents = list(open_corpus(str(tmp_path / "a.txt"), None, "").documents(Tally()))
    found = list(chunks(documents, 300))
    assert [paragraphs for part in found for paragraphs in part] == [d.paragraphs for d in documents]
    assert all(300 <= sum(len(p) for d in part for p in d) < 400 for part in found[:-1])

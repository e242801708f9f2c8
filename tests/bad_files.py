"""Files that no model may learn from, and what must be said of each: a table, from which every file is made anew.

Each is given as it would be by a user, to the command line; `{file}` stands for its path in what must be said.
"""

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Content = str | bytes | Callable[[Path], None]


@dataclass(frozen=True)
class Bad:
    """A file that must be refused.

    Attributes:
        name: What the file is called; its ending chooses the reader.
        content: Text, bytes, or what makes it.
        says: What must be said, whole or in part, in this order.
        flags: What is given besides the file; `{folder}` stands for the folder that it is in.
        beside: Further files: name → content.
        writes: Whether making it needs something that may be missing, as `pyarrow`.
    """

    name: str
    content: Content
    says: tuple[str, ...]
    flags: tuple[str, ...] = ()
    beside: tuple[tuple[str, Content], ...] = ()

    def make(self, folder: Path) -> Path:
        """Write the file and those beside it; its path."""
        for name, content in (*self.beside, (self.name, self.content)):
            _make(folder / name, content)
        return folder / self.name


def _make(path: Path, content: Content) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def rows(n: int = 60, mark: str = ",", labels: tuple[str, ...] = ("good", "bad"), start: int = 0) -> str:
    """Rows that could be learnt from."""
    return "".join(f"film number {i}{mark}{labels[i % len(labels)]}\n" for i in range(start, start + n))


def table(mark: str = ",", **given: Any) -> str:
    """A file that could be learnt from."""
    return f"text{mark}label\n" + rows(mark=mark, **given)


def lines(n: int = 60, **changed: Any) -> str:
    """JSON lines that could be learnt from, but for what is changed in all."""
    every = ({"text": f"film number {i}", "label": ("good", "bad")[i % 2], **changed} for i in range(n))
    return "".join(json.dumps(one) + "\n" for one in every)


def sentences(n: int = 60, last: str = "") -> str:
    """CoNLL sentences that could be learnt from, on lines 1, 2, 4, 5, …"""
    return "".join(f"Anna{i} B-PER\nsaw O\n\n" for i in range(n)) + last


def parquet(**columns: Any) -> Callable[[Path], None]:
    """A Parquet file of these columns."""

    def make(path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(columns), path)

    return make


def damaged(make: Callable[[Path], None], keep: float) -> Callable[[Path], None]:
    """A file of which only the first bytes are left."""

    def cut(path: Path) -> None:
        make(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data))])

    return cut


def folder(arrow: Callable[[bytes], bytes] = bytes, state: str | None = None, **columns: Any) -> Callable[[Path], None]:
    """A folder as `datasets` saves it; `arrow` may spoil its data file."""

    def make(path: Path) -> None:
        import pyarrow

        data = pyarrow.table(columns)
        stream = io.BytesIO()
        with pyarrow.ipc.new_stream(stream, data.schema) as writer:
            writer.write_table(data)
        path.mkdir()
        (path / "data-00000-of-00001.arrow").write_bytes(arrow(stream.getvalue()))
        (path / "state.json").write_text(state or '{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')

    return make


def splits(*names: str) -> Callable[[Path], None]:
    """A DatasetDict's folder, of which only the list of splits is there."""

    def make(path: Path) -> None:
        path.mkdir()
        (path / "dataset_dict.json").write_text(json.dumps({"splits": names}))

    return make


def zipped(path: Path) -> None:
    """What a spreadsheet program saves."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("xl/workbook.xml", "<workbook/>")


TEXTS = [f"film number {i}" for i in range(60)]
LABELS = ["good", "bad"] * 30
WORDS = [[f"Anna{i}", "saw"] for i in range(60)]
TAGS = [["B-PER", "O"]] * 60
GZIPPED = gzip.compress(table().encode(), mtime=0)
HUGE = 12_000_000
DEV = ("--dev", "{folder}/dev.csv")

DELIMITED = {
    f"{name}-{ending}": Bad(f"a.{ending}", build(mark), tuple(says))
    for ending, mark in (("csv", ","), ("tsv", "\t"))
    for name, build, says in (
        ("short-row", lambda m: table(m) + "alone\n", ["{file}:62:2: 1 cells, 2 expected"]),
        ("long-row", lambda m: table(m) + f"a{m}good{m}c\n", ["{file}:62:3: 3 cells, 2 expected"]),
        (
            "many-ragged-rows",
            lambda m: table(m) + "alone\n" * 50,
            ["50 ragged rows", "{file}:62:2: ", "{file}:81:2: ", "… and 30 more"],
        ),
        ("nul", lambda m: table(m) + f"a\0b{m}good\n", ["{file}:62:2: a NUL character"]),
        ("empty", lambda m: "", ["{file}: the file is empty"]),
        ("only-blank", lambda m: "\n \n\n", ["{file}: the file is empty"]),
        ("header-only", lambda m: f"text{m}label\n", ["{file}: there is a header line but no row"]),
        ("no-header", lambda m: rows(mark=m), ["{file}:3: the first line should hold column names"]),
        ("twice-named", lambda m: f"text{m}text\n" + rows(mark=m), ["{file}:1: two columns are named 'text'"]),
        ("blank-text", lambda m: table(m) + f" {m}good\n", ["{file}:62:1: blank"]),
        ("no-labels", lambda m: table(m, labels=("",)), ["{file}: column 'label' has no label in any row"]),
        ("one-class", lambda m: table(m, labels=("good",)), ["column 'label' holds nothing but 'good'"]),
        ("utf-16", lambda m: table(m).encode("utf-16"), ["{file}: ", "UTF-16", "--encoding utf-16"]),
        ("utf-16-unmarked", lambda m: table(m).encode("utf-16-le"), ["{file}:1:2: a NUL", "--encoding utf-16"]),
        (
            "latin-1",
            lambda m: table(m).encode() + f"caf\xe9{m}good\n".encode("latin-1"),
            [f"{{file}}:62: byte {len(table()) + 3} (0xe9) is not utf-8", "--encoding"],
        ),
        ("cut-character", lambda m: table(m).encode() + b"\xe4\xba", ["{file}:62: byte", "--encoding"]),
        ("gzipped", lambda m: GZIPPED, ["{file}: ", "gzip", "gunzip"]),
        ("cr-and-ragged", lambda m: (table(m) + "alone\n").replace("\n", "\r"), ["{file}:62:2: 1 cells"]),
        ("crlf-and-ragged", lambda m: (table(m) + "alone\n").replace("\n", "\r\n"), ["{file}:62:2: 1 cells"]),
    )
}

CSV = {
    "unclosed-quote": Bad("a.csv", table() + '"never closed,good\n', ("{file}:62: the row that begins here",)),
    "quote-goes-on": Bad("a.csv", table() + '"closed" not,good\n', ("{file}:62: the row that begins here", '""so""')),
    "tabs-in-csv": Bad("a.csv", table("\t"), ("{file}:1: ", "tab", ".tsv")),
    "tabs-among-commas": Bad("a.csv", table() + "film\tgood\n", ("{file}:62:2: 1 cells, 2 expected",)),
    "huge-line": Bad("a.csv", table() + "a" * HUGE + "\n", ("{file}:62:2: 1 cells, 2 expected",)),
    "missing-column": Bad(
        "a.csv", table(), ("{file}: no column 'lable' for --label", "did you mean 'label'?"), ("--label", "lable")
    ),
    "missing-text-column": Bad(
        "a.csv", table(), ("no column 'Text' for --text", "did you mean 'text'?"), ("--text", "Text")
    ),
    "wrong-encoding-named": Bad(
        "a.csv", table().encode() + b"\xe9", ("{file}:62: byte", "ascii"), ("--encoding", "ascii")
    ),
    "no-such-encoding": Bad(
        "a.csv", table(), ("--encoding klingon: no such text encoding",), ("--encoding", "klingon")
    ),
    "free-text-labels": Bad("a.csv", table(labels=tuple(TEXTS)), ("60 different values in 60 labelled rows",)),
    "too-few-rows": Bad("a.csv", table(n=8), ("labelled rows for", "at least 10 are needed")),
    "unknown-label-in-dev": Bad(
        "a.csv", table(), ("{folder}/dev.csv:3:2: 'odd'",), DEV, (("dev.csv", table(labels=("good", "odd"), n=20)),)
    ),
    "unknown-label-in-test": Bad(
        "a.csv",
        table(),
        ("{folder}/test.csv:2:2: 'meh'",),
        ("--test", "{folder}/test.csv"),
        (("test.csv", table(labels=("meh",), n=20)),),
    ),
    "many-unknown-labels": Bad(
        "a.csv",
        table(),
        ("30 labels of dev that no row of train has", "… and 10 more"),
        DEV,
        (("dev.csv", table(labels=("x", "y"), n=30)),),
    ),
    "dev-without-labels": Bad(
        "a.csv", table(), ("{folder}/dev.csv: 0 labelled rows for dev",), DEV, (("dev.csv", table(labels=("",), n=20)),)
    ),
    "dev-of-other-columns": Bad(
        "a.csv", table(), ("{folder}/dev.csv: no column 'label'",), DEV, (("dev.csv", "text,class\n" + rows(20)),)
    ),
    "dev-ragged": Bad(
        "a.csv", table(), ("{folder}/dev.csv:22:2: 1 cells",), DEV, (("dev.csv", table(n=20) + "alone\n"),)
    ),
    "nan-as-score": Bad(
        "a.csv",
        "text,score\n" + rows(60, labels=("1.5", "2.5")) + "a,NaN\n",
        ("{file}:62:2: 'NaN' is no number",),
        ("--task", "text_regression"),
    ),
    "infinite-score": Bad(
        "a.csv",
        "text,score\n" + rows(60, labels=("1.5", "2.5")) + "a,-inf\n",
        ("{file}:62:2: '-inf' is no number",),
        ("--task", "text_regression"),
    ),
    "score-too-large": Bad(
        "a.csv",
        "text,score\n" + rows(60, labels=("1.5", "2.5")) + "a,1e999\n",
        ("{file}:62:2: '1e999' is too large",),
        ("--task", "text_regression"),
    ),
    "label-set-with-a-gap": Bad(
        "a.csv",
        "text,labels\n" + rows(60, labels=("a|b", "b", "a")) + "x,a||b\n",
        ("{file}:62:2: label 2 of 3 is empty",),
        ("--task", "multi_label"),
    ),
    "label-set-with-an-end": Bad(
        "a.csv",
        "text,labels\n" + rows(60, labels=("a|b", "b", "a")) + "x,a|\n",
        ("{file}:62:2: label 2 of 2 is empty",),
        ("--task", "multi_label"),
    ),
}

JSONL = {
    "malformed-line": Bad("a.jsonl", lines() + '{"text": "a", "label": }\n', ("{file}:61:24: not JSON",)),
    "many-malformed-lines": Bad("a.jsonl", lines() + "{\n" * 30, ("30 lines", "{file}:61:", "… and 10 more")),
    "cut-off-line": Bad("a.jsonl", lines()[:-8], ("{file}:60:", "not JSON")),
    "array": Bad("a.jsonl", json.dumps([{"text": "a", "label": "b"}] * 30), ("{file}: one JSON array", "jq -c")),
    "object-over-lines": Bad("a.json", '{\n "text": "a",\n "label": "b"\n}\n', ("{file}:1:2: not JSON",)),
    "line-is-no-object": Bad("a.jsonl", lines() + '["a", "good"]\n', ("{file}:61:1: a line must be one object",)),
    "duplicate-keys": Bad(
        "a.jsonl",
        lines() + '{"text": "a", "label": "x", "label": "y"}\n',
        ("{file}:61:1: the key 'label' stands twice",),
    ),
    "nan": Bad("a.jsonl", lines() + '{"text": "a", "label": NaN}\n', ("{file}:61:1: NaN is no JSON value",)),
    "nested-deeply": Bad("a.jsonl", lines() + "[" * 100_000 + "\n", ("{file}:61:", "nested too deeply")),
    "control-character": Bad("a.jsonl", lines() + '{"text": "a\tb", "label": "good"}\n', ("{file}:61:12: not JSON",)),
    "nul-in-jsonl": Bad("a.jsonl", lines() + '{"text": "\0", "label": "good"}\n', ("{file}:61:11: a NUL character",)),
    "bytes-in-jsonl": Bad(
        "a.jsonl", lines().encode() + b'{"text": "\xff"}\n', ("{file}:61: byte", "0xff", "--encoding")
    ),
    "utf-16-jsonl": Bad("a.jsonl", lines().encode("utf-16"), ("{file}: ", "UTF-16", "--encoding utf-16")),
    "empty-jsonl": Bad("a.jsonl", "", ("{file}: the file is empty",)),
    "empty-objects": Bad("a.jsonl", "{}\n" * 40, ("{file}: no column",)),
    "missing-key": Bad(
        "a.jsonl",
        lines(text=None),
        ("60 rows without a text", "{file}:1:1: blank", "… and 40 more"),
        ("--text", "text"),
    ),
    "list-as-text": Bad(
        "a.jsonl", lines() + '{"text": ["a"], "label": "good"}\n', ("{file}:61:1: a list",), ("--text", "text")
    ),
    "huge-line-jsonl": Bad("a.jsonl", lines() + '{"text": "' + "a" * HUGE + "\n", ("{file}:61:", "not JSON")),
    "gzipped-jsonl": Bad("a.jsonl", gzip.compress(lines().encode(), mtime=0), ("{file}: ", "gzip", "gunzip")),
    "tags-too-few": Bad(
        "a.jsonl",
        "".join(json.dumps({"words": w, "tags": t}) + "\n" for w, t in zip(WORDS, TAGS, strict=True))
        + '{"words": ["a"], "tags": []}\n',
        ("{file}:61:2: 0 tags for 1 words",),
    ),
}

PARQUET = {
    "truncated-parquet": Bad(
        "a.parquet", damaged(parquet(text=TEXTS, label=LABELS), 0.6), ("{file}: cannot be read as Parquet",)
    ),
    "no-parquet": Bad("a.parquet", table(), ("{file}: cannot be read as Parquet",)),
    "empty-parquet": Bad("a.parquet", b"", ("{file}: cannot be read as Parquet",)),
    "parquet-without-rows": Bad("a.parquet", parquet(text=[], label=[]), ("{file}: there are columns but no row",)),
    "parquet-of-nulls": Bad(
        "a.parquet", parquet(text=TEXTS, label=[None] * 60), ("{file}: column 'label' has no label",)
    ),
    "parquet-blank-text": Bad("a.parquet", parquet(text=[*TEXTS[:-1], None], label=LABELS), ("{file}:60:1: blank",)),
    "parquet-of-structs": Bad(
        "a.parquet", parquet(text=TEXTS, label=[{"a": [1]}] * 60), ("column 'label'", '{{"a": [1]}}')
    ),
    "parquet-of-bytes": Bad(
        "a.parquet",
        parquet(text=[b"\xff\xfe"] * 60, label=LABELS),
        ("60 rows with bytes in column 'text'", "{file}:1:1: bytes", "… and 40 more"),
    ),
    "parquet-of-lists": Bad(
        "a.parquet",
        parquet(text=[["a"]] * 60, label=LABELS),
        ("{file}: cannot tell which columns", "--text"),
        ("--text", "text", "--task", "text_classification", "--label", "label"),
    ),
    "parquet-number-labels-nan": Bad(
        "a.parquet",
        parquet(text=TEXTS, score=[float("inf"), *map(float, range(59))]),
        ("{file}:1:2: 'inf' is no number",),
        ("--task", "text_regression"),
    ),
}

FOLDERS = {
    "folder-damaged": Bad(
        "saved",
        folder(lambda data: data[: len(data) // 2], text=TEXTS, label=LABELS),
        ("{file}: a data file cannot be read",),
    ),
    "folder-empty-file": Bad(
        "saved", folder(lambda data: b"", text=TEXTS, label=LABELS), ("{file}: a data file cannot be read",)
    ),
    "folder-no-json": Bad(
        "saved", folder(state="{", text=TEXTS, label=LABELS), ("{file}/state.json: cannot be read as JSON",)
    ),
    "folder-no-files": Bad(
        "saved", folder(state="{}", text=TEXTS, label=LABELS), ("{file}: the dataset has no data file",)
    ),
    "folder-file-missing": Bad(
        "saved",
        folder(state='{"_data_files": [{"filename": "gone.arrow"}]}', text=TEXTS),
        ("{file}: a data file cannot be read", "gone.arrow"),
    ),
    "folder-without-rows": Bad("saved", folder(text=[], label=[]), ("{file}: there are columns but no row",)),
    "folder-without-train": Bad("saved", splits("other"), ("{file}: no split to train on",)),
    "folder-blank-text": Bad("saved", folder(text=[*TEXTS[:-1], " "], label=LABELS), ("{file}:60:1: blank",)),
    "folder-one-class": Bad("saved", folder(text=TEXTS, label=["good"] * 60), ("holds nothing but 'good'",)),
    "folder-tag-numbers": Bad(
        "saved",
        folder(words=WORDS, tags=[[1, 0]] * 60),
        ("{file}:1:2: '1' is neither", "not their numbers"),
        ("--task", "token_classification"),
    ),
    "plain-folder": Bad("films", lambda path: path.mkdir(), ("{file}: no reader knows this folder",)),
}

CONLL = {
    "ragged-words": Bad("a.conll", sentences(last="b\n"), ("{file}:181: 1 columns, 2 expected",)),
    "tag-of-no-scheme": Bad("a.conll", sentences(last="b PERSON\n"), ("{file}:181:2: 'PERSON'",)),
    "tag-before-word": Bad("a.conll", "O saw\n\nO it\n\n" * 30, ("--label", "{file}:1:2: 'saw'")),
    "endless-sentence": Bad(
        "a.conll", sentences(600).replace("\n\n", "\n"), ("{file}:1: one sentence of 1200 words", "blank line")
    ),
    "only-o": Bad("a.conll", "a O\n\n" * 60, ("holds nothing but 'O'",)),
    "only-marks": Bad("a.conll", "-DOCSTART- O\n\n" * 5, ("{file}: no word in it",)),
    "empty-conll": Bad("a.conll", "", ("{file}: the file is empty",)),
    "nul-in-conll": Bad("a.conll", sentences(last="a\0 O\n"), ("{file}:181:2: a NUL character",)),
    "bytes-in-conll": Bad("a.conll", sentences().encode() + b"\xe9 O\n", ("{file}:181: byte", "--encoding")),
    "utf-16-conll": Bad("a.conll", sentences().encode("utf-16"), ("{file}: ", "UTF-16")),
    "cr-only-conll": Bad("a.conll", sentences(last="b\n").replace("\n", "\r"), ("{file}:181: 1 columns",)),
    "gzipped-conll": Bad("a.conll", gzip.compress(sentences().encode(), mtime=0), ("{file}: ", "gzip")),
    "no-such-column": Bad("a.conll", sentences(), ("{file}: no column '7' for the tags",), ("--label", "7")),
    "type-only-in-dev": Bad(
        "a.conll",
        sentences(),
        ("{folder}/dev.conll:1:2: 'LOC'",),
        ("--dev", "{folder}/dev.conll"),
        (("dev.conll", "Oslo B-LOC\n\n" * 20),),
    ),
}


def _fifo(path: Path) -> None:
    os.mkfifo(path)


OTHER = {
    "missing-file": Bad("gone.csv", lambda path: None, ("{file}: no such file or folder",)),
    "folder-named-csv": Bad("a.csv", lambda path: path.mkdir(), ("{file}: no reader knows this folder",)),
    "fifo": Bad("a.csv", _fifo, ("{file}: ", "neither a file nor a folder")),
    "spreadsheet": Bad("a.xlsx", zipped, ("{file}: ", "spreadsheet", "CSV")),
    "spreadsheet-named-csv": Bad("a.csv", zipped, ("{file}: ", "zip", "spreadsheet")),
    "gzip-by-name": Bad("a.csv.gz", GZIPPED, ("{file}: ", "gunzip")),
    "parquet-named-csv": Bad("a.csv", parquet(text=TEXTS, label=LABELS), ("{file}: ", "Parquet", ".parquet")),
    "no-known-ending": Bad("a.docx", "text", ("{file}: no reader knows this file",)),
    "broken-link": Bad("a.csv", lambda path: path.symlink_to("nowhere"), ("{file}: no such file or folder",)),
}

BAD: dict[str, Bad] = {**DELIMITED, **CSV, **JSONL, **PARQUET, **FOLDERS, **CONLL, **OTHER}

"""What is written legally is read exactly; whatever else is rows all the same, or refused with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.core.errors import DataError
from limbeck.core.shelf import shelf
from tests.contracts.test_readers import check_whole
from tests.text import writing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


def read(path, content, reader, **fields):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    module = shelf("readers").load(reader)
    return module.build(module.Spec(**fields)).read(path)


def check_rows(table, header, rows):
    assert list(zip(*(table.columns[name] for name in header), strict=True)) == rows


@given(writing.csv_files())
def test_csv_comes_back(folder, file):
    header, rows, content = file
    try:
        table = read(folder / "a.csv", content, "csv")
    except DataError as error:
        assert "the first line should hold column names" in str(error)
        assert any(name in {row[i] for row in rows} for i, name in enumerate(header))
    else:
        check_rows(table, header, rows)


@given(writing.jsonl_files())
def test_jsonl_comes_back(folder, file):
    header, rows, content = file
    table = read(folder / "a.jsonl", content, "jsonl")
    for i, name in enumerate(header):
        assert list(table.columns.get(name, [None] * len(rows))) == [row[i] for row in rows]


@given(writing.conll_files())
def test_conll_comes_back(folder, file):
    sentences, content = file
    table = read(folder / "a.conll", content, "conll", scheme="iob2")
    assert table.columns["words"] == [[word for word, _ in one] for one in sentences]
    assert table.columns["tags"] == [[tag for _, tag in one] for one in sentences]


PARTS = (
    "text",
    "label",
    '"',
    ",",
    "\t",
    "\n",
    "\r",
    " ",
    "{",
    "}",
    ":",
    "[",
    "]",
    "O",
    "B-X",
    "#",
    "\0",
    "1",
    "\\ud800",
)
dirty = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from(PARTS).map(str.encode), st.binary(max_size=3)), max_size=40).map(b"".join),
    st.builds(
        lambda file, at, junk: file[2].encode()[:at] + junk + file[2].encode()[at:],
        st.one_of(writing.csv_files(), writing.jsonl_files()),
        st.integers(0, 80),
        st.binary(max_size=4),
    ),
)


@pytest.mark.parametrize("reader", ["csv", "tsv", "jsonl", "conll", "parquet"])
@given(content=dirty)
def test_any_bytes_are_rows_or_an_error_with_a_place(folder, reader, content):
    path = folder / f"b.{reader}"
    try:
        table = read(path, content, reader)
    except DataError as error:
        assert f"{path}:" in str(error)
    else:
        check_whole(table)
        assert all(1 <= line <= content.count(b"\n") + content.count(b"\r") + 1 for line in table.lines)

import csv as stdlib_csv

import pytest

from limbeck.core.errors import DataError
from limbeck.readers import csv
from tests.readers.files import write


def read(tmp_path, content, **fields):
    return csv.build(csv.Spec(**fields)).read(write(tmp_path / "a.csv", content))


def test_texts_that_pandas_would_lose_survive(tmp_path):
    table = read(tmp_path, "text,label\nNA,null\nNone,001\n 1.0 ,nan\n")
    assert table.columns == {"text": ["NA", "None", " 1.0 "], "label": ["null", "001", "nan"]}
    assert table.read_as == "CSV, 2 columns"


def test_quotes_line_breaks_and_crlf(tmp_path):
    table = read(tmp_path, 'text,label\r\n"say ""so"", he\nsaid",x\r\n\r\nb,y\r\n')
    assert table.columns["text"] == ['say "so", he\nsaid', "b"]
    assert list(table.lines) == [2, 5]
    assert table.place(1, "label").endswith("a.csv:5:2")


def test_blank_cells_are_absent(tmp_path):
    assert read(tmp_path, "text,label\na,\nb,  \n").columns["label"] == [None, None]


def test_unicode_is_kept(tmp_path):
    texts = ["\u200bx", "שלום", "👩‍🚀", "e\u0301", "a\u2028b", "x\x85y"]
    table = read(tmp_path, "\ufefftext,n\n" + "".join(f"{t},{i}\n" for i, t in enumerate(texts)))
    assert table.columns["text"] == texts


@pytest.mark.parametrize("mark", [";", "|"])
def test_delimiter_is_found_and_said(tmp_path, mark):
    table = read(tmp_path, f"text{mark}label\ngood, or bad{mark}x\n")
    assert table.columns["text"] == ["good, or bad"]
    assert repr(mark) in table.read_as


def test_delimiter_can_be_set(tmp_path):
    assert read(tmp_path, "a;b,c\n1;2,3\n", delimiter=",").columns == {"a;b": ["1;2"], "c": ["3"]}


def test_file_without_header_needs_names(tmp_path):
    content = "".join(f"film {i},{'pos' if i % 2 else 'neg'}\n" for i in range(20))
    with pytest.raises(DataError, match=r"a.csv:3: the first line should hold column names.*columns: \[text, label\]"):
        read(tmp_path, content)
    table = read(tmp_path, content, columns=("text", "label"))
    assert len(table) == 20
    assert table.lines[0] == 1


def test_ragged_rows_are_listed_with_their_places(tmp_path):
    content = "text,label\n" + "a,b,c\nd\ne,f\n" * 15
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("30 ragged rows")
    assert lines[1].endswith("a.csv:2:3: 3 cells, 2 expected")
    assert lines[2].endswith("a.csv:3:2: 1 cells, 2 expected")
    assert lines[-1] == "… and 10 more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "a.csv: the file is empty"),
        ("\n \n", "a.csv: the file is empty"),
        ("text,label\n", "no row"),
        ("text,text\na,b\n", "a.csv:1: two columns are named 'text'"),
        ('text,label\na,b\n"c,d\n', "a.csv:3: the row that begins here"),
        ('text,label\n"a"b,c\n', "a.csv:2: the row that begins here"),
        ("text,label\na,b\nc\0,d\n", "a.csv:3:2: a NUL"),
        ("text,label\na,b\n".encode("utf-16"), "byte 0: the mark of UTF-16 text"),
        ("text,label\ncafé,b\n".encode("latin-1"), r"a.csv:2: byte 14 \(0xe9\) is not utf-8.*--encoding"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_other_encodings(tmp_path):
    content = "text,label\ncafé,b\n"
    assert read(tmp_path, content.encode("latin-1"), encoding="latin-1").columns["text"] == ["café"]
    assert read(tmp_path, content.encode("utf-16"), encoding="utf-16").columns["text"] == ["café"]
    with pytest.raises(DataError, match="--encoding klingon: no such text encoding"):
        read(tmp_path, content, encoding="klingon")


def test_huge_cell_and_the_limit_is_put_back(tmp_path):
    before = stdlib_csv.field_size_limit()
    assert len(read(tmp_path, f"text,label\n{'x' * 1_000_000},a\n").columns["text"][0]) == 1_000_000
    assert stdlib_csv.field_size_limit() == before


def test_unnamed_column_gets_a_number(tmp_path):
    assert list(read(tmp_path, ",text\n0,a\n1,b\n").columns) == ["column_1", "text"]

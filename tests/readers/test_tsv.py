import pytest

from limbeck.core.errors import DataError
from limbeck.readers import tsv
from tests.readers.files import write


def read(tmp_path, content, **fields):
    return tsv.build(tsv.Spec(**fields)).read(write(tmp_path / "a.tsv", content))


def test_quotation_marks_as_in_glue_are_characters(tmp_path):
    table = read(tmp_path, 'text\tlabel\n"good" film\t1\nso-called "art\t0\n5" disc"\t0\n')
    assert table.columns["text"] == ['"good" film', 'so-called "art', '5" disc"']
    assert table.read_as == "TSV, 2 columns"


def test_rows_are_not_merged_by_stray_quotation_marks(tmp_path):
    table = read(tmp_path, 'text\tlabel\n"a\t1\nb"\t0\n')
    assert table.columns["text"] == ['"a', 'b"']


def test_quoted_cells_of_a_spreadsheet(tmp_path):
    table = read(tmp_path, 'text\tlabel\n"say ""so"""\t1\n"two\nlines"\t0\n')
    assert table.columns["text"] == ['say "so"', "two\nlines"]
    assert list(table.lines) == [2, 3]
    assert "quoted" in table.read_as


def test_ragged_row(tmp_path):
    with pytest.raises(DataError, match=r"a.tsv:2:3: 3 cells"):
        read(tmp_path, "text\tlabel\na\tb\tc\n")


def test_names_for_a_file_without_header(tmp_path):
    assert read(tmp_path, "gj04\t1\tOur friends\n", columns=("id", "label", "text")).columns["text"] == ["Our friends"]

from pathlib import Path

import pytest

from limbeck.core.errors import DataError
from limbeck.core.table import SHOWN_ROWS, Table, refuse

TABLE = Table(Path("rows.csv"), {"text": ["a", "b"], "label": ["x", None]}, lines=[2, 5])


def test_a_column_is_found_by_name():
    assert len(TABLE) == 2
    assert TABLE.column("label", "label") == ["x", None]


def test_a_missing_column_is_refused_with_those_there_are():
    with pytest.raises(DataError) as caught:
        TABLE.column("txt", "text")
    assert (
        str(caught.value)
        == "rows.csv: no column 'txt' for --text (did you mean 'text'?); the columns are 'text', 'label'"
    )


def test_a_place_is_file_line_and_column():
    assert TABLE.place(1) == "rows.csv:5"
    assert TABLE.place(1, "label") == "rows.csv:5:2"


def test_no_fault_is_no_error():
    assert refuse([], "rows are ragged") is None
    assert refuse(iter(()), "rows are ragged") is None


def test_the_first_faults_are_listed_and_all_are_counted():
    with pytest.raises(DataError) as caught:
        refuse((f"rows.csv:{n}: ragged" for n in range(SHOWN_ROWS + 3)), "rows are ragged")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{SHOWN_ROWS + 3} rows are ragged:"
    assert lines[1] == "rows.csv:0: ragged"
    assert lines[-1] == "… and 3 more"
    assert len(lines) == SHOWN_ROWS + 2


def test_as_many_faults_as_are_shown_leave_no_rest():
    with pytest.raises(DataError) as caught:
        refuse(["bad"] * SHOWN_ROWS, "rows are ragged")
    assert str(caught.value).splitlines()[-1] == "bad"

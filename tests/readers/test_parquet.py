import json

import pyarrow
import pyarrow.parquet
import pytest

from limbeck.core.errors import DataError
from limbeck.readers import parquet
from tests.readers.files import write


def read(tmp_path, columns, metadata=None):
    table = pyarrow.table(columns)
    if metadata:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": metadata}})})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    return parquet.build(parquet.Spec()).read(tmp_path / "a.parquet")


def test_kinds_of_columns(tmp_path):
    table = read(
        tmp_path,
        {
            "text": ["NA", None, " "],
            "label": pyarrow.array(["x", "y", "x"]).dictionary_encode(),
            "number": [1, 2, None],
            "float": [1.5, float("nan"), 2.0],
            "flag": [True, False, None],
            "tags": [["O"], ["B-X", "O"], None],
        },
    )
    assert table.columns == {
        "text": ["NA", None, None],
        "label": ["x", "y", "x"],
        "number": ["1", "2", None],
        "float": ["1.5", None, "2.0"],
        "flag": ["true", "false", None],
        "tags": [["O"], ["B-X", "O"], None],
    }
    assert list(table.lines) == [1, 2, 3]


def test_class_numbers_get_their_names(tmp_path):
    names = {"_type": "ClassLabel", "names": ["neg", "pos"]}
    table = read(
        tmp_path,
        {"label": [1, 0, -1], "tags": [[0, 1], [], None]},
        {"label": names, "tags": {"_type": "List", "feature": names}},
    )
    assert table.columns == {"label": ["pos", "neg", None], "tags": [["neg", "pos"], [], None]}


def test_class_number_without_a_name(tmp_path):
    with pytest.raises(DataError, match="'label' has a class number for which"):
        read(tmp_path, {"label": [0, 2]}, {"label": {"names": ["neg", "pos"]}})


def test_no_row(tmp_path):
    with pytest.raises(DataError, match="no row"):
        read(tmp_path, {"text": pyarrow.array([], pyarrow.string())})


def test_damaged_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        parquet.build(parquet.Spec()).read(write(tmp_path / "a.parquet", b"PAR1 nothing"))

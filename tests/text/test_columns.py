from pathlib import Path

import pytest

from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.text import columns


def table(**values):
    return Table(Path("a.csv"), values, range(1, len(next(iter(values.values()))) + 1))


def test_names_match_whatever_their_case_and_punctuation():
    assert columns.named(
        table(**{"Gold Label": [], " TEXT ": []}), ("text", "gold_label"), {"Gold Label", " TEXT "}
    ) == [
        " TEXT ",
        "Gold Label",
    ]


def test_kinds_of_columns():
    mixed = table(text=["a", None], words=[["a"], None], both=["a", ["b"]], none=[None, None])
    assert columns.of_text(mixed) == ["text", "none"]
    assert columns.of_lists(mixed) == ["words", "none"]


def test_what_looks_like_labels():
    n = 40
    data = table(
        stars=[str(i % 5) for i in range(n)],
        id=[str(i) for i in range(n)],
        one=["x"] * n,
        long=["y" * 50, "z" * 50] * (n // 2),
        score=[str(i % 15 / 4) for i in range(n)],
    )
    assert columns.look_like_labels(data, list(data.columns)) == ["stars"]


def test_longest_column_and_description():
    data = table(title=["short", None], body=["much longer", "than this " * 9], tags=[["O", "B-X"], []])
    assert columns.longest(data, ["title", "body"]) == "body"
    assert columns.describe(data) == "'title' (short), 'body' (much longer), 'tags' (O B-X)"


def test_wanted_column():
    data = table(a=["x"])
    assert columns.wanted_column(data, {"text": "a"}, "text") == "a"
    assert columns.wanted_column(data, {"text": ""}, "text") is None
    with pytest.raises(DataError, match="no column 'b' for --text; the columns are 'a'"):
        columns.wanted_column(data, {"text": "b"}, "text")


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (["a", "b", None], "class"),
        ([None, None], "class"),
        ([str(i) for i in range(200)], "class"),
        ([str(i) for i in range(201)], "value"),
        ([f"{i}e-3" for i in range(11)], "value"),
        ([f"{i}.5" for i in range(10)], "class"),
        ([*(f"{i}.5" for i in range(10)), "nan"], "class"),
        ([[], None], "classes"),
        (["a|b", "b|c", "a|c", "c"], "classes"),
        (["a|b", "a;b", "b", "c|a|b"], "class"),
        (["x" * 41 + "|a", "a", "b|a", "b"], "class"),
    ],
)
def test_what_labels_ask_for(values, answer):
    from limbeck.text.inputs import answer_in

    assert answer_in(values) == answer

from pathlib import Path

import numpy as np
import pytest

from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.tasks.multi_label import Spec, build, classes, detect, examples, label_names, sole, strata
from limbeck.text.port import Example

TEXTS = [f"film number {i}" for i in range(12)]
BARS = ["drama|comedy", "drama", "comedy|war", "war"] * 3


def table(**columns):
    return Table(Path("a.csv"), columns, range(2, 2 + len(next(iter(columns.values())))))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": TEXTS, "labels": [["a"], [], ["a", "b"]] * 4}, ("text", "", "labels", "")),
        ({"text": TEXTS, "genres": [["a"], [], ["a", "b"]] * 4}, ("text", "", "genres", "")),
        ({"text": TEXTS, "tags": [["O"], None, ["a", "b"]] * 4}, ("text", "", "tags", "")),
        ({"text": TEXTS, "label": BARS}, ("text", "", "label", "|")),
        ({"premise": TEXTS, "hypothesis": TEXTS, "label": BARS}, ("premise", "hypothesis", "label", "|")),
        ({"text": TEXTS, "label": [b.replace("|", "; ") for b in BARS]}, ("text", "", "label", ";")),
        ({"text": TEXTS, "label": [b.replace("|", ",") for b in BARS]}, ("text", "", "label", ",")),
        ({"text": TEXTS, "kind": BARS}, ("text", "", "kind", "|")),
    ],
)
def test_columns_are_detected(columns, expected):
    assert detect(table(**columns), {}) == Spec(*expected)


@pytest.mark.parametrize(
    "columns",
    [
        {"text": TEXTS, "label": ["Home, Garden", "Arts, Crafts"] * 6},
        {"text": TEXTS, "label": ["a|b", "a"] * 6},
        {"text": TEXTS, "label": [f"{i},5" for i in range(12)]},
        {"text": TEXTS, "label": [*BARS[1:], "drama|drama"]},
        {"text": TEXTS, "label": [*BARS[1:], "drama|"]},
        {"text": TEXTS, "note": [f"it is, I say, {i}" for i in range(12)]},
        {"words": [["a"]] * 12, "tags": [["O"]] * 12},
        {"labels": [["a"]] * 12},
    ],
)
def test_tables_that_are_for_others_or_do_not_tell(columns):
    assert detect(table(**columns), {}) is None


def test_flags_overrule():
    data = table(text=TEXTS, label=["Home, Garden", "Arts, Crafts"] * 6, verdict=["a", "b"] * 6)
    task = {"task": "multi_label"}
    assert detect(data, task) == Spec("text", "", "label", ",")
    assert detect(data, {**task, "label": "verdict"}) == Spec("text", "", "verdict", "")
    assert detect(data, {"label": "verdict"}) is None


def test_no_label_that_holds_is_not_no_label_known():
    data = table(text=list("abcde"), labels=[["b ", "a", "b"], [], None, "[]", "a"])
    assert [e.target for e in examples(data, Spec())] == [["a", "b"], [], None, [], ["a"]]
    cells = table(text=list("abc"), labels=["b;a; b", "[]", None])
    assert [e.target for e in examples(cells, Spec(separator=";"))] == [["a", "b"], [], None]


def test_empty_labels_are_refused_with_their_places():
    data = table(text=["x", "y", "z"], labels=["a|", ["a"], ["a", ""]])
    with pytest.raises(DataError, match=r"2 rows with an empty label.*\na.csv:2:2: label 2 of 2 is empty\na.csv:4:2: "):
        examples(data, Spec(separator="|"))


def test_what_differs_can_be_learnt():
    rows = [Example("x", target=[]), Example("y"), Example("z", target=[])]
    assert sole(rows) == "[]"
    assert sole([Example("x", target=["a", "b"])]) == "a, b"
    assert sole([*rows, Example("z", target=["a"])]) == ""
    assert classes(Example("z", target=["a", "b"])) == ["a", "b"]
    assert label_names([Example("z", target=["b"]), *rows, Example("z", target=["a", "b"])]) == ("a", "b")


def test_rare_sets_are_shared_out_by_their_rarest_label():
    sets = [["a"]] * 12 + [["a", "b"]] * 3 + [["a", "b", "c"]] * 2 + [[]] * 2 + [None]
    found = strata([Example(str(i), target=labels) for i, labels in enumerate(sets)])
    assert found == ["a"] * 12 + ["rare b"] * 3 + ["rare c"] * 2 + [""] * 2 + [None]


def test_targets():
    task = build(Spec(), ("a", "b", "c"))
    assert task.targets(Example("x", target=["c", "a"])) == [[1.0, 0.0, 1.0]]
    assert task.targets(Example("x", target=[])) == [[0.0, 0.0, 0.0]]
    assert np.isnan(task.targets(Example("x"))).all()
    with pytest.raises(DataError, match="label 'odd': not one of this model's, a, b, c"):
        task.targets(Example("x", target=["a", "odd"]))


def test_answer():
    task = build(Spec(), ("a", "b", "c"))
    answer = task.respond("x", Example("x"), np.array([[0.5, 0.75, 0.25]]))
    assert answer == {"labels": ["b", "a"], "probabilities": {"b": 0.75, "a": 0.5, "c": 0.25}}
    assert task.respond("x", Example("x"), np.zeros((1, 3)))["labels"] == []

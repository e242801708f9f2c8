from pathlib import Path

import numpy as np
import pytest

from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.tasks.text_regression import Spec, build, classes, detect, examples, label_names, sole, strata
from limbeck.text.port import Example

TEXTS = [f"film number {i}" for i in range(20)]
FRACTIONS = [f"{i / 4}" for i in range(20)]


def table(**columns):
    return Table(Path("a.csv"), columns, range(2, 2 + len(next(iter(columns.values())))))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": TEXTS, "score": FRACTIONS}, ("text", "", "score")),
        ({"sentence1": TEXTS, "sentence2": TEXTS, "label": FRACTIONS}, ("sentence1", "sentence2", "label")),
        ({"genre": ["a", "b"] * 10, "text": TEXTS, "Similarity Score": FRACTIONS}, ("text", "", "Similarity Score")),
        ({"text": TEXTS, "price": FRACTIONS}, ("text", "", "price")),
        ({"text": TEXTS * 15, "label": [str(i) for i in range(300)]}, ("text", "", "label")),
        ({"text": TEXTS, "score": ["-1.5e3", " 2.", None, *FRACTIONS[3:]]}, ("text", "", "score")),
    ],
)
def test_columns_are_detected(columns, expected):
    assert detect(table(**columns), {}) == Spec(*expected)


@pytest.mark.parametrize(
    "columns",
    [
        {"text": TEXTS, "label": ["0", "1"] * 10},
        {"text": TEXTS, "rating": ["1", "2", "3", "4", "5"] * 4},
        {"text": TEXTS, "label": ["0.5", "1.0"] * 10},
        {"text": TEXTS, "id": [str(i) for i in range(20)]},
        {"text": TEXTS, "label": ["a", "b"] * 10, "score": FRACTIONS},
        {"text": TEXTS, "width": FRACTIONS, "height": FRACTIONS},
        {"text": TEXTS, "score": [*FRACTIONS[1:], "n/a"]},
        {"score": FRACTIONS},
    ],
)
def test_tables_that_are_for_others_or_do_not_tell(columns):
    assert detect(table(**columns), {}) is None


def test_flags_overrule():
    data = table(text=TEXTS, label=["a", "b"] * 10, score=["1", "2"] * 10, stars=FRACTIONS)
    task = {"task": "text_regression"}
    assert detect(data, task) == Spec("text", "", "score")
    assert detect(data, {"label": "stars"}) == Spec("text", "", "stars")
    assert detect(data, {**task, "label": "label"}) == Spec("text", "", "label")
    assert detect(data, {"label": "label"}) is None


def test_examples():
    data = table(a=["x", "y", "z"], b=["1", "2", "3"], score=[" 2.50", None, "-1e-3"])
    assert examples(data, Spec("a", "b")) == [
        Example("x", "1", 2.5),
        Example("y", "2", None),
        Example("z", "3", -0.001),
    ]


def test_what_is_no_finite_number_is_refused_with_its_place():
    cells = ["1.5", "nan", "inf", "1_0", "1,5", "٣", ["1"], "3.5e38", "-1e39"]
    data = table(text=list("abcdefghi"), score=cells)
    with pytest.raises(DataError) as error:
        examples(data, Spec())
    reasons = [
        "'nan' is no",
        "'inf' is no",
        "'1_0' is no",
        "'1,5' is no",
        "'٣' is no",
        "a list",
        "'3.5e38' is too large",
    ]
    lines = str(error.value).splitlines()
    assert lines[0].startswith("8 rows without a finite number in column 'score'")
    for number, (line, reason) in enumerate(zip(lines[1:], reasons, strict=False), 3):
        assert line.startswith(f"a.csv:{number}:2: {reason}")


def test_one_number_is_nothing_to_learn_and_there_are_no_classes():
    rows = [Example("x", target=1.5), Example("y"), Example("z", target=1.5)]
    assert sole(rows) == "1.5"
    assert sole([*rows, Example("a", target=2.0)]) == ""
    assert (classes(rows[0]), label_names(rows)) == ([], ("value",))


def test_splits_share_out_small_and_large_values():
    found = strata([Example(str(i), target=float(i)) for i in range(40)] + [Example("x")])
    assert found[-1] is None
    assert [found[i * 10 : i * 10 + 10] for i in range(4)] == [[str(i)] * 10 for i in range(4)]


def test_targets_and_answer():
    task = build(Spec(), ("value",))
    assert task.targets(Example("x", target=-2.5)) == [-2.5]
    assert np.isnan(task.targets(Example("x"))).tolist() == [True]
    assert task.respond("x", Example("x"), np.array([[3.25]])) == {"value": 3.25}

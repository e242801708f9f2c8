from pathlib import Path

import numpy as np
import pytest

from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.tasks.text_classification import Spec, build, classes, detect, examples, label_names
from limbeck.text.encode import Encoder
from limbeck.text.port import Example
from tests.makers import tiny_tokenizer

LABELS = ["good", "bad"] * 10


def table(**columns):
    return Table(Path("a.csv"), columns, range(2, 2 + len(next(iter(columns.values())))))


def texts(what, n=20):
    return [f"{what} number {i}" for i in range(n)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": texts("a"), "label": LABELS}, ("text", "", "label")),
        ({"ID": texts(""), "Review": texts("a fine film"), "Sentiment": LABELS}, ("Review", "", "Sentiment")),
        ({"premise": texts("a"), "hypothesis": texts("b"), "label": LABELS}, ("premise", "hypothesis", "label")),
        (
            {"question1": texts("a"), "question2": texts("b"), "is_duplicate": LABELS},
            ("question1", "question2", "is_duplicate"),
        ),
        ({"note": texts("long text"), "verdict": LABELS, "id": [str(i) for i in range(20)]}, ("note", "", "verdict")),
        ({"title": texts("a"), "content": texts("a longer text"), "class": LABELS}, ("content", "", "class")),
        ({"verdict": LABELS, "label": ["x", "y"] * 10, "text": texts("a")}, ("text", "", "label")),
        ({"text": texts("a"), "label": [None] * 20}, ("text", "", "label")),
    ],
)
def test_columns_are_detected(columns, expected):
    spec = detect(table(**columns), {})
    assert spec is not None
    assert (spec.text, spec.pair, spec.label) == expected


@pytest.mark.parametrize(
    "columns",
    [
        {"text": texts("a"), "one": LABELS, "other": ["x", "y"] * 10},
        {"text": texts("a"), "number": [str(i / 4) for i in range(20)]},
        {"words": [["a"]] * 20, "tags": [["O"]] * 20},
        {"label": LABELS},
        {"text": [["a"]] * 20, "label": LABELS},
    ],
)
def test_tables_that_do_not_tell(columns):
    assert detect(table(**columns), {}) is None


def test_flags_overrule():
    data = table(sentence1=texts("a"), sentence2=texts("b"), label=LABELS, other=["x", "y"] * 10)
    assert detect(data, {"text": "sentence2"}) == Spec(text="sentence2", label="label")
    assert detect(data, {"pair": "sentence1", "label": "other"}) == Spec(
        text="sentence2", pair="sentence1", label="other"
    )
    assert detect(data, {"text": "label", "label": "label"}) is None
    with pytest.raises(DataError, match="no column 'nothing' for --pair"):
        detect(data, {"pair": "nothing"})


def test_examples():
    data = table(a=["x ", "y"], b=["1", "2"], label=[" good", None])
    assert examples(data, Spec(text="a", pair="b")) == [Example("x ", "1", "good"), Example("y", "2", None)]


def test_blank_texts_are_refused_with_their_places():
    data = table(text=["x", None, ["y"]], label=["a", "b", "c"])
    with pytest.raises(
        DataError, match=r"2 rows without a text in column 'text'[^\n]*\na.csv:3:1: blank\na.csv:4:1: a list"
    ):
        examples(data, Spec())
    with pytest.raises(DataError, match=r"a.csv:3:2: blank"):
        examples(table(text=["x", "y"], pair=["a", None], label=["a", "b"]), Spec(pair="pair"))


def test_order_of_labels():
    rows = [Example("", target=name) for name in ("b", "10", "a", "9", None)]
    assert label_names(rows) == ("10", "9", "a", "b")
    assert label_names([Example("", target=name) for name in ("1", "-1", "10", "2")]) == ("-1", "1", "2", "10")
    assert [classes(e) for e in rows[-2:]] == [["9"], []]


def test_encode_and_targets():
    task = build(Spec(pair="b"), ("bad", "good"))
    rows = [Example("good film", "bad", "good"), Example("the film", "a film", None)]
    encoded = task.encode(rows, Encoder(tiny_tokenizer(), 16))
    assert [len(windows) for windows in encoded] == [1, 1]
    assert encoded[0][0].type_ids.tolist() == [0, 0, 0, 0, 1, 1]
    assert [task.targets(e) for e in rows] == [[1], [-1]]
    with pytest.raises(DataError, match="label 'odd': not one of this model's, bad, good"):
        task.targets(Example("x", "y", "odd"))


def test_inputs_of_single_texts():
    task = build(Spec(), ("a", "b"))
    assert task.parse(["x", ""]) == [Example("x"), Example("")]
    for wrong in (1, None, ["x"], ("x", "y")):
        with pytest.raises(DataError, match="input 2: a text is needed"):
            task.parse(["x", wrong])


def test_inputs_of_pairs():
    task = build(Spec(pair="b"), ("a", "b"))
    assert task.parse([("x", "y"), ["x", "y"], {"pair": "y", "text": "x"}]) == [Example("x", "y")] * 3
    for wrong in ("xy", ("x",), {"text": "x"}, ("x", 1), 3):
        with pytest.raises(DataError, match=r"input 1: this model reads pairs; give \(text, pair\)"):
            task.parse([wrong])


def test_answer():
    task = build(Spec(), ("a", "b", "c"))
    answer = task.respond("x", Example("x"), np.array([[0.25, 0.5, 0.25]]))
    assert answer == {"label": "b", "probability": 0.5, "probabilities": {"b": 0.5, "a": 0.25, "c": 0.25}}
    assert list(answer["probabilities"]) == ["b", "a", "c"]

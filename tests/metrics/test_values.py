"""Metrics on predictions small enough to be worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from limbeck.core.predictions import Predictions, gather
from limbeck.core.shelf import shelf


def value(name: str, predictions: Predictions) -> float:
    return shelf("metrics").build(shelf("metrics").parse(name, "metric")).value(predictions)


def resampled(name: str, predictions: Predictions, weights) -> list[float]:
    metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
    return metric.resampled(predictions, np.array(weights, dtype=float)).tolist()


FOUR = Predictions(
    ("no", "yes"),
    np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]]),
    np.array([0, 0, 1, 1]),
)
"""Answers no, yes, no, yes; truths no, no, yes, yes."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 0.5),
        ("f1", 0.5),
        ("micro_f1", 0.5),
        ("macro_f1", 0.5),
        ("macro_precision", 0.5),
        ("macro_recall", 0.5),
        ("mcc", 0.0),
        ("roc_auc", 0.75),
        ("log_loss", -(math.log(0.9) + math.log(0.4) + math.log(0.3) + math.log(0.8)) / 4),
        ("ece", (abs(1 - 0.9) + abs(0 - 0.6) + abs(0 - 0.7) + abs(1 - 0.8)) / 4),
    ],
)
def test_by_hand(name, expected):
    assert value(name, FOUR) == pytest.approx(expected, abs=1e-12)


def test_ece_bins_hold_their_upper_end():
    edge = Predictions(("a", "b"), np.array([[0.6, 0.4], [0.61, 0.39]]), np.array([0, 1]))
    assert value("ece", edge) == pytest.approx((0.4 + 0.61) / 2)


def test_macro_f1_leaves_out_classes_that_do_not_occur():
    wider = replace(FOUR, labels=("no", "yes", "never"), probabilities=np.pad(FOUR.probabilities, ((0, 0), (0, 1))))
    assert value("macro_f1", wider) == value("macro_f1", FOUR)


def test_roc_auc_is_undefined_with_one_class_and_for_such_draws():
    assert math.isnan(value("roc_auc", replace(FOUR, targets=np.array([1, 1, 1, 1]))))
    draws = resampled("roc_auc", FOUR, [[2, 2, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]])
    assert math.isnan(draws[0])
    assert draws[1:] == pytest.approx([0.75, 0.0])


def test_roc_auc_counts_ties_half():
    tied = replace(FOUR, probabilities=np.full((4, 2), 0.5))
    assert value("roc_auc", tied) == 0.5
    assert resampled("roc_auc", tied, [[1, 3, 2, 5]]) == [0.5]


def test_log_loss_of_an_impossible_truth_is_finite():
    sure = replace(FOUR, probabilities=np.eye(2)[[1, 1, 1, 1]])
    assert value("log_loss", sure) == pytest.approx(-math.log(np.finfo(float).eps) / 2)


LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def tagged(truth: list[str], answer: list[str]) -> Predictions:
    logits = [20 * np.eye(len(LABELS))[[LABELS.index(t) for t in answer]]]
    return gather(LABELS, logits, [[LABELS.index(t) for t in truth]])


@pytest.mark.parametrize(
    ("truth", "answer", "precision", "recall"),
    [
        ("B-LOC I-LOC O B-PER", "B-LOC I-LOC O B-PER", 1, 1),
        ("B-LOC I-LOC O B-PER", "B-LOC O O B-PER", 1 / 2, 1 / 2),
        ("B-LOC I-LOC O B-PER", "B-LOC I-LOC O O", 1, 1 / 2),
        ("B-LOC I-LOC O O", "O I-LOC O O", 0, 0),
        ("B-LOC O O O", "B-LOC I-PER O O", 1, 1),
        ("B-LOC B-LOC O O", "B-LOC I-LOC O O", 0, 0),
        ("B-PER I-PER O O", "B-LOC I-LOC O B-PER", 0, 0),
        ("O O O O", "O O O O", 0, 0),
    ],
)
def test_entities_by_hand(truth, answer, precision, recall):
    predictions = tagged(truth.split(), answer.split())
    assert value("entity_precision", predictions) == precision
    assert value("entity_recall", predictions) == recall
    both = precision + recall
    assert value("entity_f1", predictions) == pytest.approx(2 * precision * recall / both if both else 0)
    assert resampled("entity_f1", predictions, [[1]])[0] == pytest.approx(value("entity_f1", predictions))


def test_entities_end_where_a_sentence_ends():
    labels, tags = LABELS, [["O", "B-LOC"], ["I-LOC", "O"], [], ["I-LOC"]]
    items = [[labels.index(t) for t in row] for row in tags]
    predictions = gather(labels, [20 * np.eye(5)[row].reshape(-1, 5) for row in items], items)
    metric = shelf("metrics").build(shelf("metrics").parse("entity_recall", "metric"))
    assert metric.value(predictions) == 1.0
    assert metric.resampled(predictions, np.array([[1.0, 1, 1, 1], [0, 1, 1, 1]])).tolist() == [1.0, 0.0]


SETS = Predictions(
    ("a", "b", "c"),
    np.array([[0.9, 0.1, 0.2], [0.5, 0.6, 0.0], [0.4, 0.7, 0.1], [0.3, 0.2, 0.3], [0.9, 0.9, 0.9]]),
    np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0], [np.nan] * 3], dtype=float),
    answer="classes",
)
"""Answers a; a and b; b; none. Truths a; a; b and c; none. The last is unlabelled."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 2 / 4),
        ("micro_f1", 2 * 3 / (4 + 4)),
        ("macro_f1", (1 + 2 / 3 + 0) / 3),
        ("macro_precision", (1 + 1 / 2 + 0) / 3),
        ("macro_recall", (1 + 1 + 0) / 3),
        ("roc_auc", (1 + 1 + 1 / 3) / 3),
    ],
)
def test_sets_of_labels_by_hand(name, expected):
    assert value(name, SETS) == pytest.approx(expected, abs=1e-12)
    assert resampled(name, SETS, [[1, 1, 1, 1, 7]]) == pytest.approx([expected], abs=1e-12)


def test_sets_without_any_label_score_nothing():
    none = replace(SETS, probabilities=np.zeros((5, 3)), targets=np.zeros((5, 3)))
    assert [value(name, none) for name in ("micro_f1", "macro_f1", "accuracy")] == [0.0, 0.0, 1.0]


VALUES = Predictions(
    ("value",), np.array([[1.0], [2.0], [4.0], [5.0], [9.0]]), np.array([2.0, 1.0, 3.0, 6.0, np.nan]), answer="value"
)
"""Means 3 and 3, squared distances from them 10 and 14, products 10; the last truth is unknown."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pearson", 10 / math.sqrt(10 * 14)),
        ("spearman", 1 - 6 * 2 / (4 * 15)),
        ("concordance", 2 * 10 / (10 + 14)),
        ("mse", 1.0),
        ("mae", 1.0),
    ],
)
def test_values_by_hand(name, expected):
    assert value(name, VALUES) == pytest.approx(expected, abs=1e-12)
    assert resampled(name, VALUES, [[1, 1, 1, 1, 3]]) == pytest.approx([expected], abs=1e-12)


def test_a_shift_harms_concordance_alone():
    moved = replace(VALUES, probabilities=VALUES.probabilities + 2)
    assert value("pearson", moved) == pytest.approx(value("pearson", VALUES))
    assert value("concordance", moved) == pytest.approx(2 * 10 / (10 + 14 + 4 * 4))


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_what_does_not_vary_correlates_with_nothing(name):
    flat = replace(VALUES, probabilities=np.full((5, 1), 0.1))
    assert math.isnan(value(name, flat))
    draws = resampled(
        name, replace(VALUES, probabilities=VALUES.probabilities + 0.1), [[0, 7, 0, 0, 1], [1, 1, 0, 0, 0]]
    )
    assert math.isnan(draws[0])
    assert draws[1] == pytest.approx(-1)

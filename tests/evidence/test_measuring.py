import numpy as np
import pytest

from limbeck.core.measurement import find
from limbeck.core.predictions import Predictions
from limbeck.evidence.measuring import Measuring

LABELS = ("no", "yes")


def model(right: int, n: int = 100, classes: int = 2) -> Predictions:
    """Right on the first so many examples."""
    targets = np.arange(n) % classes
    answers = np.where(np.arange(n) < right, targets, 1 - targets)
    return Predictions(LABELS, np.where(np.eye(2)[answers] > 0, 0.9, 0.1), targets)


def measuring(**roles: Predictions) -> Measuring:
    return Measuring(roles, ("accuracy", "roc_auc"), "accuracy", draws=200)


def test_every_metric_has_its_interval_count_and_split():
    found = find(measuring(teacher=model(90)).measurements(), "teacher", "accuracy")
    assert (found.value, found.unit, found.split, found.n) == (0.9, "fraction", "test", 100)
    assert found.low < 0.9 < found.high


def test_retention_is_paired():
    rows = measuring(teacher=model(90), student=model(81), copy=model(90)).measurements()
    kept = find(rows, "student", "retention")
    assert (kept.value, kept.unit) == (pytest.approx(0.9), "ratio")
    assert kept.low < 0.9 < kept.high
    same = find(rows, "copy", "retention")
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)


def test_each_model_is_compared_with_all_before_it():
    rows = measuring(teacher=model(90), student=model(81), bundle=model(80)).measurements()
    assert find(rows, "teacher", "agreement_with_student") is None
    assert find(rows, "student", "agreement_with_teacher").value == pytest.approx(0.91)
    assert find(rows, "bundle", "agreement_with_teacher").value == pytest.approx(0.90)
    assert find(rows, "bundle", "agreement_with_student").value == pytest.approx(0.99)
    assert find(rows, "student", "mcnemar_p_against_teacher").value == pytest.approx(2 * 0.5**9 - 0.5**9)
    assert find(rows, "bundle", "mcnemar_p_against_student").unit == "p-value"


def test_without_the_baseline_nothing_is_kept_of_it():
    assert find(measuring(student=model(81)).measurements(), "student", "retention") is None


def test_undefined_metrics_are_left_out_and_named():
    single = measuring(student=model(80, classes=1))
    assert single.undefined() == [("student", "roc_auc")]
    assert [m.metric for m in single.measurements()] == ["accuracy"]
    assert measuring(student=model(80)).undefined() == []

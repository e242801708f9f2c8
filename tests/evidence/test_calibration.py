import numpy as np
import pytest

from limbeck.core.predictions import Predictions
from limbeck.core.shelf import shelf
from limbeck.evidence.calibration import reliability


def test_bins_hold_confidence_and_accuracy():
    sure = np.array([0.95, 0.97, 0.55, 0.55])
    predictions = Predictions(("a", "b"), np.stack([sure, 1 - sure], 1), np.array([0, 1, 0, 0]))
    curve = reliability(predictions)
    assert curve.confidence == pytest.approx([0.55, 0.96])
    assert curve.accuracy.tolist() == [1.0, 0.5]
    assert curve.items.tolist() == [2, 2]


def test_the_diagram_adds_up_to_the_metric():
    rng = np.random.default_rng(0)
    predictions = Predictions(("a", "b", "c"), rng.dirichlet([1, 1, 1], 300), rng.integers(0, 3, 300))
    curve = reliability(predictions)
    ece = shelf("metrics").build(shelf("metrics").parse("ece", "metric")).value(predictions)
    assert (curve.items * abs(curve.accuracy - curve.confidence)).sum() / 300 == pytest.approx(ece)

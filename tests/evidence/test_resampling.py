import numpy as np
import pytest

from limbeck.core.predictions import gather
from limbeck.core.shelf import shelf
from limbeck.evidence import resampling
from limbeck.evidence.resampling import interval, resample


def accuracy():
    return {"accuracy": shelf("metrics").build(shelf("metrics").parse("accuracy", "metric"))}


def right_of(n: int, right: int):
    """Predictions for n examples of which so many are right."""
    targets = [[int(i >= right)] for i in range(n)]
    return gather(("a", "b"), [np.array([[1.0, 0.0]])] * n, targets)


def test_interval_is_that_of_the_binomial():
    low, high = interval(resample(accuracy(), right_of(400, 320), draws=4000)["accuracy"])
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert (low, high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.006)


def test_interval_holds_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        low, high = interval(
            resample(accuracy(), right_of(200, rng.binomial(200, 0.7)), draws=300, seed=seed)["accuracy"]
        )
        hits += low <= 0.7 <= high
    assert 180 <= hits <= 199


def test_draws_are_paired_seeded_and_independent_of_the_memory_they_may_take(monkeypatch):
    whole = resample(accuracy(), right_of(50, 30), draws=40, seed=3)["accuracy"]
    assert not np.array_equal(whole, resample(accuracy(), right_of(50, 30), draws=40, seed=4)["accuracy"])
    monkeypatch.setattr(resampling, "_CELLS", 170)
    assert np.array_equal(whole, resample(accuracy(), right_of(50, 30), draws=40, seed=3)["accuracy"])


def test_no_interval_where_most_draws_are_undefined():
    assert interval(np.array([np.nan, np.nan, 0.5])) == (None, None)
    assert interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)
    assert interval(np.array([])) == (None, None)

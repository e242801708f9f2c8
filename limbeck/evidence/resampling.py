"""Percentile bootstrap over examples (Efron and Tibshirani 1993, ch. 13): how far a number could lie from its like.

Every call with the same number of examples, draws and seed makes the same draws, so numbers of two models, or their
ratio, are compared draw by draw on the same examples.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from limbeck.core.predictions import Array, Predictions
from limbeck.text.port import Metric

LEVEL = 0.95
"""Share of the draws that lie inside an interval."""
_CELLS = 1 << 22
"""Most weights held at a time."""


def resample(
    metrics: Mapping[str, Metric], predictions: Predictions, draws: int = 1000, seed: int = 0
) -> dict[str, Array]:
    """Each metric on `draws` resamples of the examples, with replacement.

    Returns:
        Name → `[draws]`; nan where a draw leaves a metric undefined.
    """
    parts = [
        {name: metric.resampled(predictions, weights) for name, metric in metrics.items()}
        for weights in _weights(len(predictions), draws, seed)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in metrics}


def _weights(examples: int, draws: int, seed: int) -> Iterator[Array]:
    """Multinomial weights `[some draws, examples]`, all draws in pieces of bounded size."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS // max(examples, 1))
    for begin in range(0, draws, at_once):
        count = min(at_once, draws - begin)
        picks = (rng.integers(0, examples, examples) for _ in range(count))
        yield np.stack([np.bincount(p, minlength=examples) for p in picks]).astype(float)


def interval(values: Array) -> tuple[float, float] | tuple[None, None]:
    """The middle 95 % of resampled values; no interval where more than half of the draws are undefined."""
    defined = values[np.isfinite(values)]
    if 2 * len(defined) <= len(values):
        return None, None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

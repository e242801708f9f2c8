"""Spearman's rank correlation of estimates and truths: 1 where one rises with the other, 0 is what guessing gives.

Source: `scipy.stats.spearmanr` (https://docs.scipy.org), which gives ties their mean rank; the second measure of STS-B
(Cer et al. 2017, arXiv:1708.00055). Undefined (nan) where either side does not vary. Reads values. Costs a sort and,
for resamples, two running sums over items for each draw.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import correlation, known, values


class Spec(core.Spec):
    """Spearman's correlation has no fields."""


@dataclass(frozen=True)
class Spearman:
    """How nearly estimates and truths rise together."""

    unit: ClassVar[str] = "coefficient"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Rank correlation by SciPy."""
        from scipy.stats import spearmanr

        truth, answer = known(predictions)
        if not np.ptp(truth) or not np.ptp(answer):
            return float("nan")
        return float(spearmanr(truth, answer).statistic)

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Rank correlation `[draws]` under example weights `[draws, examples]`."""
        truth, answer, by_item = values(predictions, weights)
        return correlation(weighted_ranks(truth, by_item), weighted_ranks(answer, by_item), by_item)


def weighted_ranks(numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean ranks `[draws, items]` where each number stands as often as its weight `[draws, items]` says.

    >>> weighted_ranks(np.array([5.0, 7.0, 5.0]), np.array([[1, 1, 1], [1, 1, 2]])).tolist()
    [[1.5, 3.0, 1.5], [2.0, 4.0, 2.0]]
    """
    order = np.argsort(numbers, kind="stable")
    below = np.zeros((len(weights), len(order) + 1))
    np.cumsum(weights[:, order], axis=1, out=below[:, 1:])
    first, last = (np.searchsorted(numbers[order], numbers, side) for side in ("left", "right"))
    return np.asarray((below[:, first] + below[:, last] + 1) / 2)


def build(spec: Spec) -> Metric:
    """The metric."""
    return Spearman()

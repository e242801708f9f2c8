"""Pearson's correlation of estimates and truths: 1 where they lie on a rising line, 0 is what guessing gives.

Source: `scipy.stats.pearsonr` (https://docs.scipy.org); the first measure of STS-B (Cer et al. 2017, arXiv:1708.00055).
Undefined (nan) where either side does not vary. Reads values. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import correlation, known, values


class Spec(core.Spec):
    """Pearson's correlation has no fields."""


@dataclass(frozen=True)
class Pearson:
    """How nearly estimates and truths lie on a line."""

    unit: ClassVar[str] = "coefficient"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Correlation by SciPy."""
        from scipy.stats import pearsonr

        truth, answer = known(predictions)
        if not np.ptp(truth) or not np.ptp(answer):
            return float("nan")
        return float(pearsonr(truth, answer.astype(float)).statistic)

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Correlation `[draws]` under example weights `[draws, examples]`."""
        return correlation(*values(predictions, weights))


def build(spec: Spec) -> Metric:
    """The metric."""
    return Pearson()

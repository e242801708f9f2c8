"""Expected calibration error: how far confidence lies from the share of right answers, on average; 0 is perfect.

Source: Guo et al. 2017, arXiv:1706.04599, eq. 3, with 15 equal-width bins (lower, upper] of the confidence, which is
the probability of the answer. Reads probabilities. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import Confidence, ratio


class Spec(core.Spec):
    """ECE has no fields: the bins are those of the paper."""


@dataclass(frozen=True)
class Ece:
    """Mean distance of confidence and accuracy over bins, weighted by the items in each."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = False

    def value(self, predictions: Predictions) -> float:
        """ECE, bin by bin as the paper writes it."""
        bins = Confidence.of(predictions).weighted(np.ones(len(predictions)))
        gaps = [
            count / bins.items.sum() * abs(right / count - confidence / count)
            for right, confidence, count in zip(bins.rights, bins.confidences, bins.items, strict=True)
            if count
        ]
        return float(sum(gaps))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """ECE `[draws]` under example weights `[draws, examples]`."""
        bins = Confidence.of(predictions).weighted(weights)
        return ratio(np.abs(bins.rights - bins.confidences).sum(-1), bins.items.sum(-1))


def build(spec: Spec) -> Metric:
    """The metric."""
    return Ece()

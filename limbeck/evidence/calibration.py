"""Whether answers given with 80 % confidence are right 80 % of the time (Guo et al. 2017, arXiv:1706.04599)."""

from dataclasses import dataclass

import numpy as np

from limbeck.core.predictions import Array, Predictions
from limbeck.text.statistics import Confidence


@dataclass(frozen=True)
class Reliability:
    """The bins of confidence that hold an answer, all `[bins]`: mean confidence, share of right answers, items."""

    confidence: Array
    accuracy: Array
    items: Array


def reliability(predictions: Predictions) -> Reliability:
    """The reliability diagram, over the same bins as the metric `ece`."""
    bins = Confidence.of(predictions).weighted(np.ones(len(predictions)))
    full = bins.items > 0
    items = bins.items[full]
    return Reliability(bins.confidences[full] / items, bins.rights[full] / items, items.astype(int))

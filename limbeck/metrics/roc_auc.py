"""Area under the ROC curve: how often a case of a class is ranked above a case of none; 0.5 is what guessing gives.

Source: Hanley and McNeil 1982 (doi:10.1148/radiology.143.1.7063747), `sklearn.metrics.roc_auc_score`. With two labels
the second is the positive one. With more, each class against the rest, averaged with equal weights over the classes
that occur. Undefined (nan) where fewer than two classes occur. Reads probabilities. Costs a sort and, for resamples, a
running sum over items for each class and draw.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import owners, ratio


class Spec(core.Spec):
    """ROC AUC has no fields."""


@dataclass(frozen=True)
class RocAuc:
    """Chance that a positive is ranked above a negative, ties counting half."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Area by scikit-learn, averaged over classes."""
        from sklearn.metrics import roc_auc_score

        mask = predictions.targets >= 0
        truth, scores = predictions.targets[mask], predictions.probabilities[mask]
        positives = _positives(predictions)
        if len(np.unique(truth)) < 2:
            return float("nan")
        return float(np.mean([roc_auc_score(truth == k, scores[:, k]) for k in positives if (truth == k).any()]))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Area `[draws]` under example weights `[draws, examples]`; nan for a draw with one class."""
        mask = predictions.targets >= 0
        truth, scores = predictions.targets[mask], predictions.probabilities[mask]
        by_item = weights[:, owners(predictions)[mask]].astype(float)
        areas = np.stack([weighted_area(truth == k, scores[:, k], by_item) for k in _positives(predictions)])
        occurring = ~np.isnan(areas)
        return ratio(np.where(occurring, areas, 0).sum(0), occurring.sum(0), empty=np.nan)


def _positives(predictions: Predictions) -> range:
    return range(1, 2) if len(predictions.labels) == 2 else range(len(predictions.labels))


def weighted_area(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area `[draws]` for one class under item weights `[draws, items]`; nan where a side has no weight.

    >>> scores, positive = np.array([0.9, 0.5, 0.2]), np.array([True, False, True])
    >>> weighted_area(positive, scores, np.array([[1, 1, 1], [3, 1, 1]])).tolist()
    [0.5, 0.75]
    """
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    below = np.zeros((len(weights), len(order) + 1))
    np.cumsum(np.where(positive, 0, weights)[:, order], axis=1, out=below[:, 1:])
    worse, through = (np.searchsorted(ranked, scores[positive], side) for side in ("left", "right"))
    gain = weights[:, positive] * (below[:, worse] + below[:, through]) / 2
    pairs = weights[:, positive].sum(1) * below[:, -1]
    return ratio(gain.sum(1), pairs, empty=np.nan)


def build(spec: Spec) -> Metric:
    """The metric."""
    return RocAuc()

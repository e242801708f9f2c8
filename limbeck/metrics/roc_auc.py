"""Area under the ROC curve: how often a case of a class is ranked above a case of none; 0.5 is what guessing gives.

Source: Hanley and McNeil 1982 (doi:10.1148/radiology.143.1.7063747), `sklearn.metrics.roc_auc_score`. With two labels
the second is the positive one. With more, each class against the rest; where several labels may hold, each by itself;
averaged with equal weights over those that hold for some items and not for others. Undefined (nan) without any. Reads
probabilities. Costs a sort and, for resamples, a running sum over items for each class and draw.
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

        areas = [roc_auc_score(*case) for case in _cases(predictions) if len(np.unique(case[0])) > 1]
        return float(np.mean(areas)) if areas else float("nan")

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Area `[draws]` under example weights `[draws, examples]`; nan for a draw with one class."""
        by_item = weights[:, owners(predictions)[predictions.known]].astype(float)
        areas = np.stack([weighted_area(*case, by_item) for case in _cases(predictions)])
        occurring = ~np.isnan(areas)
        return ratio(np.where(occurring, areas, 0).sum(0), occurring.sum(0), empty=np.nan)


def _cases(predictions: Predictions) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each ranked label, of the items with a known target, whether it holds and its probability."""
    mask, labels = predictions.known, range(len(predictions.labels))
    truth, scores = predictions.targets[mask], predictions.probabilities[mask]
    if predictions.answer == "classes":
        return [(truth[:, k] == 1, scores[:, k]) for k in labels]
    return [(truth == k, scores[:, k]) for k in (labels[1:] if len(labels) == 2 else labels)]


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

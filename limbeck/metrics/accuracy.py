"""Share of items answered rightly; where several labels may hold, all of an item's must be right (subset accuracy).

Source: `sklearn.metrics.accuracy_score`. Reads answers. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import known, owners, ratio, right_items


class Spec(core.Spec):
    """Accuracy has no fields."""


@dataclass(frozen=True)
class Accuracy:
    """Right answers over items."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Accuracy by scikit-learn."""
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(*known(predictions)))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Accuracy `[draws]` under example weights `[draws, examples]`."""
        owner, size = owners(predictions), len(predictions)
        right, items = (
            np.bincount(owner[mask], minlength=size) for mask in (right_items(predictions), predictions.known)
        )
        return ratio(weights @ right, weights @ items)


def build(spec: Spec) -> Metric:
    """The metric."""
    return Accuracy()

"""Mean absolute error of estimates, in their own unit; 0 is perfect.

Source: `sklearn.metrics.mean_absolute_error`. Reads values. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import known, ratio, values


class Spec(core.Spec):
    """The absolute error has no fields."""


@dataclass(frozen=True)
class Mae:
    """Mean of the absolute differences."""

    unit: ClassVar[str] = "unit"
    higher_is_better: ClassVar[bool] = False

    def value(self, predictions: Predictions) -> float:
        """Absolute error by scikit-learn."""
        from sklearn.metrics import mean_absolute_error

        truth, answer = known(predictions)
        return float(mean_absolute_error(truth, answer))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Absolute error `[draws]` under example weights `[draws, examples]`."""
        truth, answer, by_item = values(predictions, weights)
        return ratio(by_item @ np.abs(truth - answer), by_item.sum(1))


def build(spec: Spec) -> Metric:
    """The metric."""
    return Mae()

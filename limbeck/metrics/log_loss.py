"""Mean negative natural logarithm of the probability given to the true label; 0 is perfect.

Source: `sklearn.metrics.log_loss`, which clips probabilities to the smallest step of a float (2.2e-16), so that one
impossible answer costs 36 nats rather than infinity. Reads probabilities. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import owners, ratio


class Spec(core.Spec):
    """Log loss has no fields."""


@dataclass(frozen=True)
class LogLoss:
    """Mean surprise at the truth."""

    unit: ClassVar[str] = "nats"
    higher_is_better: ClassVar[bool] = False

    def value(self, predictions: Predictions) -> float:
        """Log loss by scikit-learn."""
        from sklearn.metrics import log_loss

        truth, probabilities, _ = _known(predictions)
        return float(log_loss(truth, probabilities, labels=np.arange(len(predictions.labels))))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Log loss `[draws]` under example weights `[draws, examples]`."""
        truth, probabilities, rows = _known(predictions)
        smallest = np.finfo(probabilities.dtype).eps
        losses = -np.log(probabilities[np.arange(len(truth)), truth].clip(smallest, 1 - smallest))
        total, items = (np.bincount(rows, x, minlength=len(predictions)) for x in (losses, np.ones_like(losses)))
        return ratio(weights @ total, weights @ items)


def _known(predictions: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truths, probabilities and examples of items with a known target; rows summed to 1 in double precision."""
    mask = predictions.targets >= 0
    probabilities = predictions.probabilities[mask].astype(np.float64)
    return predictions.targets[mask], probabilities / probabilities.sum(1, keepdims=True), owners(predictions)[mask]


def build(spec: Spec) -> Metric:
    """The metric."""
    return LogLoss()

"""F1 over the pooled counts of all classes; equal to accuracy where each item has one label.

Source: `sklearn.metrics.f1_score(average="micro", zero_division=0)`. Reads answers. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import class_counts, known


class Spec(core.Spec):
    """Micro F1 has no fields."""


@dataclass(frozen=True)
class MicroF1:
    """F1 of the pooled counts."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Micro F1 by scikit-learn."""
        from sklearn.metrics import f1_score

        return float(f1_score(*known(predictions), average="micro", zero_division=0))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Micro F1 `[draws]` under example weights `[draws, examples]`."""
        return class_counts(predictions).weighted(weights).pooled().f1


def build(spec: Spec) -> Metric:
    """The metric."""
    return MicroF1()

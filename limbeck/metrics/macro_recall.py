"""Recall of each class, averaged with equal weights over the classes that occur among truths or answers.

Source: `sklearn.metrics.recall_score(average="macro", zero_division=0)`. Reads answers. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import class_counts, known, occurring


class Spec(core.Spec):
    """Macro recall has no fields."""


@dataclass(frozen=True)
class MacroRecall:
    """Mean of the recall of each class."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Macro recall by scikit-learn."""
        from sklearn.metrics import recall_score

        labels = occurring(predictions)
        if not labels.size:
            return 0.0
        return float(recall_score(*known(predictions), labels=labels, average="macro", zero_division=0))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Macro recall `[draws]` under example weights `[draws, examples]`."""
        counts = class_counts(predictions).weighted(weights)
        return counts.macro(counts.recall)


def build(spec: Spec) -> Metric:
    """The metric."""
    return MacroRecall()

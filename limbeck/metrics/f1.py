"""F1 of the class that is named last: with two labels the positive one, as GLUE counts MRPC (label 1).

Source: `sklearn.metrics.f1_score(pos_label=…, zero_division=0)`. Reads answers. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import Counts, class_counts, known


class Spec(core.Spec):
    """F1 has no fields."""


@dataclass(frozen=True)
class F1:
    """Harmonic mean of precision and recall of the last class."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """F1 by scikit-learn."""
        from sklearn.metrics import f1_score

        truths, answers = (found == len(predictions.labels) - 1 for found in known(predictions))
        return float(f1_score(truths, answers, zero_division=0))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """F1 `[draws]` under example weights `[draws, examples]`."""
        counts = class_counts(predictions)
        last = Counts(counts.hits[:, -1:], counts.truths[:, -1:], counts.answers[:, -1:]).weighted(weights)
        f1: np.ndarray = last.f1[:, 0]
        return f1


def build(spec: Spec) -> Metric:
    """The metric."""
    return F1()

"""Matthews correlation coefficient for two or many classes: 1 is perfect, 0 is what guessing gives.

Source: Matthews 1975 (doi:10.1016/0005-2795(75)90109-9), generalised by Gorodkin 2004
(doi:10.1016/j.compbiolchem.2004.09.006), `sklearn.metrics.matthews_corrcoef`. With c right answers among s items, t_k
true cases and p_k answers of class k: (c s - Σ t_k p_k) / sqrt((s² - Σ p_k²)(s² - Σ t_k²)), and 0 where that is 0 / 0.
Reads answers. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import class_counts, known, ratio


class Spec(core.Spec):
    """MCC has no fields."""


@dataclass(frozen=True)
class Mcc:
    """Correlation of answers and truths."""

    unit: ClassVar[str] = "coefficient"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """MCC by scikit-learn."""
        from sklearn.metrics import matthews_corrcoef

        truth, answer = known(predictions)
        return float(matthews_corrcoef(truth, answer)) if len(np.union1d(truth, answer)) > 1 else 0.0

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """MCC `[draws]` under example weights `[draws, examples]`."""
        counts = class_counts(predictions).weighted(weights)
        truths, answers, right = counts.truths, counts.answers, counts.hits.sum(-1)
        items = truths.sum(-1)
        spread_answers, spread_truths = (items**2 - (x**2).sum(-1) for x in (answers, truths))
        return ratio(right * items - (truths * answers).sum(-1), np.sqrt(spread_answers * spread_truths))


def build(spec: Spec) -> Metric:
    """The metric."""
    return Mcc()

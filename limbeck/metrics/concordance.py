"""Lin's concordance: how nearly estimates equal truths; unlike a correlation it falls where they are shifted or scaled.

Source: Lin 1989 (doi:10.2307/2532051), with population moments: 2 cov / (var_x + var_y + (mean_x - mean_y)²). 1 only
where both are equal, 0 where neither tells of the other. Undefined (nan) where all numbers are the same. Reads values.
Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import Moments, known, ratio, values


class Spec(core.Spec):
    """Concordance has no fields."""


@dataclass(frozen=True)
class Concordance:
    """How nearly estimates and truths lie on the diagonal."""

    unit: ClassVar[str] = "coefficient"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Concordance as the paper writes it."""
        truth, answer = (side.astype(float) for side in known(predictions))
        apart = truth.var() + answer.var() + (truth.mean() - answer.mean()) ** 2
        return float(2 * ((truth - truth.mean()) * (answer - answer.mean())).mean() / apart) if apart else float("nan")

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Concordance `[draws]` under example weights `[draws, examples]`."""
        m = Moments.of(*values(predictions, weights))
        return ratio(2 * m.together, m.of_x + m.of_y + (m.mean_x - m.mean_y) ** 2, empty=np.nan)


def build(spec: Spec) -> Metric:
    """The metric."""
    return Concordance()

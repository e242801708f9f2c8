"""F1 over whole entities of all types.

An entity counts as found only where its borders and its type are both right. Source: seqeval in strict mode with the
scheme IOB2 (Nakayama 2018, https://github.com/chakki-works/seqeval), which is the measure of the CoNLL-2003 shared task
(Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050) save that an `I-X` without its `B-X` begins nothing. Reads
answers. A sentence with an unknown tag is left out. Costs one pass.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from limbeck.core import spec as core
from limbeck.core.predictions import Predictions
from limbeck.text.port import Metric
from limbeck.text.statistics import entity_counts, known_tags


class Spec(core.Spec):
    """Entity F1 has no fields."""


@dataclass(frozen=True)
class EntityF1:
    """Harmonic mean of entity precision and recall."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Entity F1 by seqeval."""
        from seqeval.metrics import f1_score
        from seqeval.scheme import IOB2

        return float(f1_score(*known_tags(predictions), mode="strict", scheme=IOB2, zero_division=0))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Entity F1 `[draws]` under example weights `[draws, examples]`."""
        return entity_counts(predictions).weighted(weights).pooled().f1


def build(spec: Spec) -> Metric:
    """The metric."""
    return EntityF1()

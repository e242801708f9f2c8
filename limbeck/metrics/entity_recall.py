"""Share of the true entities that were found.

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
    """Entity recall has no fields."""


@dataclass(frozen=True)
class EntityRecall:
    """Right entities over true ones."""

    unit: ClassVar[str] = "fraction"
    higher_is_better: ClassVar[bool] = True

    def value(self, predictions: Predictions) -> float:
        """Entity recall by seqeval."""
        from seqeval.metrics import recall_score
        from seqeval.scheme import IOB2

        return float(recall_score(*known_tags(predictions), mode="strict", scheme=IOB2, zero_division=0))

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """Entity recall `[draws]` under example weights `[draws, examples]`."""
        return entity_counts(predictions).weighted(weights).pooled().recall


def build(spec: Spec) -> Metric:
    """The metric."""
    return EntityRecall()

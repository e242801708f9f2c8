"""Tell whether two texts stand in their order (ALBERT, Lan et al. 2019, arXiv:1909.11942, section 3.1).

Both are of one document, one after the other; half of the time they are exchanged. Unlike next sentence prediction,
which topics give away, it asks how a text hangs together.
"""

import numpy as np
from pydantic import Field

from limbeck.core.spec import Weighted
from limbeck.text.draws import Draws
from limbeck.text.pretext import Corpus, Lexicon, Runs

ABOUT = "pairs"


class Spec(Weighted):
    """Sentence order prediction."""

    exchanged: float = Field(0.5, gt=0.0, lt=1.0)
    """Part of the pairs that are exchanged; ALBERT's is 0.5."""


class SentenceOrder:
    """The pretext, ready to ask."""

    def __init__(self, spec: Spec) -> None:
        self._exchanged = spec.exchanged

    def pair(self, first: Runs, second: Runs, corpus: Corpus, draws: Draws) -> tuple[Runs, Runs, np.ndarray]:
        """Exchange the texts of some pairs."""
        exchanged = draws.uniform("order", first.starts) < self._exchanged
        one, two = ((first, second), (second, first))
        front, back = (
            Runs(np.where(exchanged, b.starts, a.starts), np.where(exchanged, b.lengths, a.lengths))
            for a, b in (one, two)
        )
        return front, back, exchanged.astype(np.int64)


def build(spec: Spec, lexicon: Lexicon) -> SentenceOrder:
    """Any vocabulary will do."""
    return SentenceOrder(spec)

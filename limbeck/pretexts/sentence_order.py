"""Tell whether two texts stand in their order (ALBERT, Lan et al. 2019, arXiv:1909.11942, section 3.1).

Both are of one document, one after the other; half of the time they are exchanged. Unlike next sentence prediction,
which topics give away, it asks how a text hangs together. Both are whole sentences, else the one that is cut would tell
the order; windows that hold no two whole sentences are not asked about.
"""

import numpy as np
from pydantic import Field

from limbeck.core.spec import Weighted
from limbeck.text.draws import Draws
from limbeck.text.pairing import between_sentences
from limbeck.text.pretext import UNASKED, Corpus, Lexicon, Runs

ABOUT = "pairs"


class Spec(Weighted):
    """Sentence order prediction."""

    exchanged: float = Field(0.5, gt=0.0, lt=1.0)
    """Part of the pairs that are exchanged; ALBERT's is 0.5."""


class SentenceOrder:
    """The pretext, ready to ask."""

    def __init__(self, spec: Spec) -> None:
        self._exchanged = spec.exchanged

    def pair(self, windows: Runs, room: int, corpus: Corpus, draws: Draws) -> tuple[Runs, Runs, np.ndarray]:
        """Exchange the texts of some pairs."""
        cuts = between_sentences(windows, room, corpus)
        between = np.where(cuts.closed, cuts.counts, cuts.counts - 1)  # the last one ends the second text
        asked = between > 0
        at = cuts.border(draws.below("order split", cuts.starts, np.maximum(between, 1)))
        stops = np.where(asked & ~cuts.closed, cuts.border(cuts.counts - 1), cuts.stops)
        first, second = cuts.halves(np.where(asked, at, cuts.middles), stops)
        exchanged = asked & (draws.uniform("order", first.starts) < self._exchanged)
        front, back = (
            Runs(np.where(exchanged, b.starts, a.starts), np.where(exchanged, b.lengths, a.lengths))
            for a, b in ((first, second), (second, first))
        )
        return front, back, np.where(asked, exchanged, UNASKED)


def build(spec: Spec, lexicon: Lexicon) -> SentenceOrder:
    """Any vocabulary will do."""
    return SentenceOrder(spec)

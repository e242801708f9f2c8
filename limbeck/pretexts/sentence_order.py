"""Tell whether two texts stand in their order (ALBERT, Lan et al. 2019, arXiv:1909.11942, section 3.1).

Both are of one document, one after the other; half of the time they are exchanged. Unlike next sentence prediction,
which topics give away, it asks how a text hangs together. Texts are whole sentences, and where a piece has too few of
them, both begin and end in the midst of one: else the one that is cut would tell the order.
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
        first, second = _alike(Runs(first.starts, first.lengths + second.lengths), corpus, draws)
        exchanged = draws.uniform("order", first.starts) < self._exchanged
        one, two = ((first, second), (second, first))
        front, back = (
            Runs(np.where(exchanged, b.starts, a.starts), np.where(exchanged, b.lengths, a.lengths))
            for a, b in (one, two)
        )
        return front, back, exchanged.astype(np.int64)


def _alike(pieces: Runs, corpus: Corpus, draws: Draws) -> tuple[Runs, Runs]:
    """Two texts of each piece whose borders tell nothing: all three between sentences, or none."""
    starts, stops = pieces.starts, pieces.starts + pieces.lengths
    begins, counts = corpus.sentences_in(starts, stops)
    documents = corpus.document_starts
    closed = stops == documents[np.searchsorted(documents, starts, side="right")]  # the end of a document is a border
    inner = counts + closed - 2
    first = np.cumsum(counts) - counts

    def border(number: np.ndarray) -> np.ndarray:
        return begins[np.clip(first + number, 0, max(len(begins) - 1, 0))] if len(begins) else starts

    whole = inner > 0
    low = np.where(whole, border(np.zeros_like(counts)), starts)
    high = np.where(whole & ~closed, border(counts - 1), stops)
    middle = border(1 + draws.below("order split", starts, np.maximum(inner, 1)))
    split = np.where(whole, middle, (starts + stops) // 2)
    return Runs(low, split - low), Runs(split, high - split)


def build(spec: Spec, lexicon: Lexicon) -> SentenceOrder:
    """Any vocabulary will do."""
    return SentenceOrder(spec)

"""Tell whether the second text follows the first (BERT, Devlin et al. 2018, arXiv:1810.04805, section 3.1, task 2).

Half of the time it does, half of the time it is a text of the same length from another document. RoBERTa (Liu et al.
2019, arXiv:1907.11692, section 4.2) found it of no use; it is BERT as published. Departs from BERT's code in that the
text that was not taken is not kept for another row: another pass will draw otherwise.
"""

import numpy as np
from pydantic import Field

from limbeck.core.spec import Weighted
from limbeck.text.draws import Draws
from limbeck.text.pretext import Corpus, Lexicon, Runs

_WINDOW_TOKENS = 256
"""How far before a random place a sentence's beginning is looked for; where none is, the text begins at the place."""

ABOUT = "pairs"


class Spec(Weighted):
    """Next sentence prediction."""

    random: float = Field(0.5, gt=0.0, lt=1.0)
    """Part of the pairs whose second text is of another document; BERT's is 0.5."""


def elsewhere(first: Runs, wanted: np.ndarray, corpus: Corpus, draws: Draws) -> Runs:
    """For each first text one of another document: of the wanted length, or as long as what is left of its document.

    Documents are drawn by their length, as a token of the corpus is drawn, and its sentence's beginning taken.
    """
    bounds = corpus.document_starts
    own = np.searchsorted(bounds, first.starts, side="right") - 1
    before, size = bounds[own], bounds[own + 1] - bounds[own]
    # A place among the tokens of all other documents: beyond the own one's beginning, its size is added.
    drawn = draws.below("elsewhere", first.starts, np.maximum(corpus.tokens - size, 1))
    drawn = np.where(drawn >= before, drawn + size, drawn) % corpus.tokens
    its = np.searchsorted(bounds, drawn, side="right") - 1
    begins, counts = corpus.sentences_in(np.maximum(bounds[its], drawn - _WINDOW_TOKENS), drawn + 1)
    last = np.cumsum(counts) - 1
    starts = np.where(counts > 0, begins[np.maximum(last, 0)] if len(begins) else 0, drawn)
    return Runs(starts, np.minimum(wanted, bounds[its + 1] - starts))


class NextSentence:
    """The pretext, ready to ask."""

    def __init__(self, spec: Spec) -> None:
        self._random = spec.random

    def pair(self, first: Runs, second: Runs, corpus: Corpus, draws: Draws) -> tuple[Runs, Runs, np.ndarray]:
        """Exchange some second texts. Where there is one document alone, all stay."""
        exchanged = draws.uniform("next", first.starts) < self._random
        exchanged &= len(corpus.document_starts) > 2
        other = elsewhere(first, second.lengths, corpus, draws)
        chosen = Runs(
            np.where(exchanged, other.starts, second.starts), np.where(exchanged, other.lengths, second.lengths)
        )
        return first, chosen, exchanged.astype(np.int64)


def build(spec: Spec, lexicon: Lexicon) -> NextSentence:
    """Any vocabulary will do."""
    return NextSentence(spec)

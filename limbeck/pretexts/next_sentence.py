"""Tell whether the second text follows the first (BERT, Devlin et al. 2018, arXiv:1810.04805, section 3.1, task 2).

Half of the time it does, half of the time it is a text of about that length from another document. RoBERTa (Liu et al.
2019, arXiv:1907.11692, section 4.2) found it of no use; it is BERT as published. Departs from BERT's code in that the
text that was not taken is not kept for another row, as another pass will draw otherwise; and in that the cut tells
nothing: a text that takes another's place begins with a sentence, as that one does, and ends with one if that one does.
Pairs to which no such text is found, and windows of a single sentence, are not asked about, where BERT's code gives the
latter a random second text always, which their form gives away.
"""

import numpy as np
from pydantic import Field

from limbeck.core.spec import Weighted
from limbeck.text.draws import Draws
from limbeck.text.pairing import between_sentences, first_border, last_border
from limbeck.text.pretext import UNASKED, Corpus, Lexicon, Runs

_WINDOW_TOKENS = 256
"""How far before a random place a sentence's beginning is looked for."""
_TRIES = 6
"""Random places that are tried for each pair."""

ABOUT = "pairs"


class Spec(Weighted):
    """Next sentence prediction."""

    random: float = Field(0.5, gt=0.0, lt=1.0)
    """Part of the pairs whose second text is of another document; BERT's is 0.5."""


class NextSentence:
    """The pretext, ready to ask."""

    def __init__(self, spec: Spec) -> None:
        self._random = spec.random

    def pair(self, windows: Runs, room: int, corpus: Corpus, draws: Draws) -> tuple[Runs, Runs, np.ndarray]:
        """Exchange some second texts."""
        cuts = between_sentences(windows, room, corpus)
        several = cuts.counts > 0
        at = cuts.border(draws.below("split", cuts.starts, np.maximum(cuts.counts, 1)))
        first, second = cuts.halves(np.where(several, at, cuts.middles))
        other = _elsewhere(first, second, cuts.closed, room, corpus, draws)
        # Asked only where there is another text, whether it is taken or not: else what fits would tell.
        asked = several & (other.lengths > 0)
        exchanged = asked & (draws.uniform("next", first.starts) < self._random)
        chosen = Runs(
            np.where(exchanged, other.starts, second.starts), np.where(exchanged, other.lengths, second.lengths)
        )
        return first, chosen, np.where(asked, exchanged, UNASKED)


def _elsewhere(first: Runs, second: Runs, closed: np.ndarray, room: int, corpus: Corpus, draws: Draws) -> Runs:
    """For each pair a text of another document that may stand for the second one; of no token where none is found.

    Documents are drawn by their length, as a token of the corpus is drawn, and its sentence's beginning taken.
    """
    bounds = corpus.document_starts
    own = np.searchsorted(bounds, first.starts, side="right") - 1
    before, size = bounds[own], bounds[own + 1] - bounds[own]
    starts, lengths = np.zeros_like(first.starts), np.zeros_like(first.starts)
    if len(bounds) <= 2:  # no other document
        return Runs(starts, lengths)
    for number in range(_TRIES):
        # A place among the tokens of all other documents: beyond the own one's beginning, its size is added.
        drawn = draws.below(f"elsewhere {number}", first.starts, corpus.tokens - size)
        drawn = np.where(drawn >= before, drawn + size, drawn)
        found = _like(second.lengths, closed, room - first.lengths, drawn, corpus)
        missing = lengths == 0
        starts, lengths = np.where(missing, found.starts, starts), np.where(missing, found.lengths, lengths)
    return Runs(starts, lengths)


def _like(wanted: np.ndarray, closed: np.ndarray, most: np.ndarray, drawn: np.ndarray, corpus: Corpus) -> Runs:
    """Texts from the beginnings of the drawn tokens' sentences; of no token where the document has none that fits.

    Args:
        wanted: Tokens that each should have: exactly, or as many whole sentences as come near.
        closed: Whether it must end with a sentence; else it must not end with its document.
        most: Tokens that it may have.
        drawn: A token of its document.
        corpus: Where it is from.
    """
    bounds = corpus.document_starts
    its = np.searchsorted(bounds, drawn, side="right") - 1
    ends = bounds[its + 1]
    begins = last_border(corpus, np.maximum(bounds[its], drawn - _WINDOW_TOKENS), drawn + 1)
    starts = np.where(begins >= 0, begins, drawn)
    near = np.minimum(starts + wanted, ends)
    below = np.where(near == ends, ends, last_border(corpus, starts + 1, np.minimum(near + 1, ends)))
    far = np.minimum(starts + most, ends)
    above = first_border(corpus, np.minimum(near + 1, ends), np.minimum(far + 1, ends))
    above = np.where((above < 0) & (far == ends), ends, above)
    whole = np.where(below >= 0, below, above)
    stops = np.where(closed, whole, np.where(starts + wanted < ends, starts + wanted, -1))
    return Runs(starts, np.where((begins >= 0) & (stops >= 0), stops - starts, 0))


def build(spec: Spec, lexicon: Lexicon) -> NextSentence:
    """Any vocabulary will do."""
    return NextSentence(spec)

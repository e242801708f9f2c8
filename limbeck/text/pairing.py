"""Windows of a corpus as two texts, cut so that where texts begin and end tells nothing of how they belong together.

If a text that takes another's place ended elsewhere in its sentence than the one that stood there, a network would
learn to tell them by that. So texts are cut between sentences, and a window that has no such place is not asked about.
"""

from dataclasses import dataclass

import numpy as np

from limbeck.text.pretext import Corpus, Runs
from limbeck.text.runs import offsets


@dataclass(frozen=True)
class Cuts:
    """Windows, moved to where a sentence begins, and the places at which each may be cut in two.

    Attributes:
        starts: First token of each.
        stops: The token after its last.
        closed: Whether its document ends there; else it ends in the midst of a sentence, as a rule.
        borders: Tokens inside that begin a sentence, window after window.
        counts: How many each has; none where it does not begin with a sentence itself.
    """

    starts: np.ndarray
    stops: np.ndarray
    closed: np.ndarray
    borders: np.ndarray
    counts: np.ndarray

    def border(self, number: np.ndarray) -> np.ndarray:
        """The border of this number of each window; of windows without it any place."""
        return _picked(self.borders, offsets(self.counts)[:-1] + number)

    def halves(self, at: np.ndarray, stops: np.ndarray | None = None) -> tuple[Runs, Runs]:
        """Two texts of each window: before a place, and from there to the stop."""
        ends = self.stops if stops is None else stops
        return Runs(self.starts, at - self.starts), Runs(at, ends - at)

    @property
    def middles(self) -> np.ndarray:
        """Half-way, where there is no border."""
        return np.asarray((self.starts + self.stops) // 2)


def between_sentences(windows: Runs, room: int, corpus: Corpus) -> Cuts:
    """Find where windows may be cut.

    Each is moved back to the sentence that it begins in, by half of the room at most, and reaches as far as there is
    room. So sentences across the border of two windows are in the second one, whole if there is room.

    Args:
        windows: Runs of at most `room` tokens.
        room: Tokens of both texts together, at most.
        corpus: Where they are from.
    """
    bounds = corpus.document_starts
    own = np.searchsorted(bounds, windows.starts, side="right") - 1
    ends = bounds[own + 1]
    begins = last_border(corpus, np.maximum(bounds[own], windows.starts - room // 2), windows.starts + 1)
    starts = np.where(begins >= 0, begins, windows.starts)
    stops = np.minimum(starts + room, ends)
    borders, counts = corpus.sentences_in(np.where(begins >= 0, starts + 1, stops), stops)
    return Cuts(starts, stops, stops == ends, borders, counts)


def last_border(corpus: Corpus, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """The last token of each run that begins a sentence, -1 where none does."""
    begins, counts = corpus.sentences_in(starts, stops)
    return np.where(counts > 0, _picked(begins, np.cumsum(counts) - 1), -1)


def first_border(corpus: Corpus, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """The first token of each run that begins a sentence, -1 where none does."""
    begins, counts = corpus.sentences_in(starts, stops)
    return np.where(counts > 0, _picked(begins, np.cumsum(counts) - counts), -1)


def _picked(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at these places; where there is none, anything."""
    return values[np.clip(at, 0, len(values) - 1)] if len(values) else np.zeros(len(at), np.int64)

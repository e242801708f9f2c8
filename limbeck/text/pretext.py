"""What a pretext task must offer: a question whose answer stands in the text itself, so that nobody need label it.

Two kinds. One asks about *words*: it hides some, and the answers are what stood there. The other asks about *pairs*:
it may put another text in the second one's place, and the answer is whether it did. A file says which by `ABOUT`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from limbeck.text.draws import Draws

UNASKED = -1
"""Of a pair that is not asked about."""


@runtime_checkable
class Corpus(Protocol):
    """Documents as token ids, one after the other; reading some costs what they cost, however large the rest is."""

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""

    @property
    def document_starts(self) -> np.ndarray:
        """Number of each document's first token, ascending, and at the end `tokens`."""

    def sentences_in(self, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the tokens in `[start, stop)` that begin a sentence, span by span, and how many each span has."""

    def gather(self, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids of the tokens of some runs, end to end, and whether each begins a word."""


@dataclass(frozen=True)
class Lexicon:
    """What a pretext needs to know of a vocabulary.

    Attributes:
        size: Tokens.
        mask_id: The token that hides another.
        special: Ids that stand for no text, ascending, that of unknown text among them: nothing is learnt of these.
        counts: How often each token occurs in the corpus, `[size]`.
    """

    size: int
    mask_id: int
    special: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Passages:
    """Rows of a batch as they stand in their corpus, laid end to end, special tokens included.

    Attributes:
        ids: Token ids, `[tokens]`.
        rows: The row of each token, ascending.
        begins: Whether a token begins a word.
        real: Whether a token is text; special ones are not.
        places: Number of each token in the corpus: what is drawn for it depends on that; of special ones 0.
    """

    ids: np.ndarray
    rows: np.ndarray
    begins: np.ndarray
    real: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Asked:
    """Texts with some of their words hidden.

    Attributes:
        ids: Token ids as the network is to see them, `[tokens]`.
        hidden: Which tokens it is asked for, `[tokens]`.
    """

    ids: np.ndarray
    hidden: np.ndarray


@runtime_checkable
class WordPretext(Protocol):
    """Hides words. What `build(spec, lexicon)` of such a pretext's file returns."""

    def ask(self, passages: Passages, draws: Draws) -> Asked:
        """Hide some tokens of each row; what is drawn depends on their places alone."""


@dataclass(frozen=True)
class Runs:
    """Runs of tokens of a corpus, each within one document.

    Attributes:
        starts: Number of each run's first token.
        lengths: Its tokens.
    """

    starts: np.ndarray
    lengths: np.ndarray


@runtime_checkable
class PairPretext(Protocol):
    """Makes two texts of each window of a corpus. What `build(spec, lexicon)` of such a pretext's file returns."""

    def pair(self, windows: Runs, room: int, corpus: Corpus, draws: Draws) -> tuple[Runs, Runs, np.ndarray]:
        """The texts as the network is to see them, and of each pair what is right.

        Args:
            windows: Where in the corpus each pair is to be from, about.
            room: Tokens of both texts together, at most.
            corpus: Where texts are found.
            draws: What is drawn depends on the windows' places alone.

        Returns:
            First and second texts; 0 for those that follow one another as in the corpus, 1 for others, `UNASKED`.
        """

"""Guess hidden words (BERT, Devlin et al. 2018, arXiv:1810.04805, section 3.1, task 1).

Of 15 % of the tokens most are replaced by the mask, some by a random token, and some stay, so that the network must
look at every word; drawn anew in each pass (RoBERTa, Liu et al. 2019, arXiv:1907.11692, section 4.1). Whole words at
once: the `-wwm` models of BERT's authors, and for Chinese, by words rather than characters, Cui et al. 2019,
arXiv:1906.08101. Rare words more often: DistilBERT's code, after XLM (Conneau and Lample 2019, arXiv:1901.07291,
section 3.1). Departs from BERT's code in that what is hidden depends on nothing but seed, pass and place.
"""

import numpy as np
from pydantic import Field, model_validator

from limbeck.core.spec import Weighted
from limbeck.text.draws import Draws
from limbeck.text.masking import choose
from limbeck.text.pretext import Asked, Lexicon, Passages

ABOUT = "words"


class Spec(Weighted):
    """Masked language modelling."""

    fraction: float = Field(0.15, gt=0.0, lt=1.0)
    """Part of each row's tokens that are asked for; BERT's is 0.15."""
    masked: float = Field(0.8, ge=0.0, le=1.0)
    """Part of those that are replaced by the mask; BERT's is 0.8."""
    random: float = Field(0.1, ge=0.0, le=1.0)
    """Part that is replaced by a token drawn from the whole vocabulary; BERT's is 0.1. The rest stays as it is."""
    whole_words: bool = False
    """Whether the tokens of a word are hidden together: sub-words in English, jieba's words in Chinese."""
    rarity: float = Field(0.0, ge=0.0, le=1.0)
    """Tokens are drawn with a probability proportional to count^−rarity; 0 in BERT, 0.7 in DistilBERT's code."""

    @model_validator(mode="after")
    def _parts_of_one(self) -> "Spec":
        if self.masked + self.random > 1:
            raise ValueError(f"masked and random are parts of one whole (found {self.masked:g} + {self.random:g} > 1)")
        return self


def replaced(
    ids: np.ndarray, hidden: np.ndarray, places: np.ndarray, spec: Spec, lexicon: Lexicon, draws: Draws
) -> np.ndarray:
    """Token ids, of which the hidden ones are masked, exchanged or left.

    >>> lexicon = Lexicon(9, 8, np.array([8]), np.ones(9))
    >>> replaced(np.arange(3), np.array([True, False, True]), np.arange(3), Spec(masked=1, random=0), lexicon, Draws(0))
    array([8, 1, 8])
    """
    fate = draws.uniform("fate", places)
    ordinary = np.setdiff1d(np.arange(lexicon.size), lexicon.special)
    others = ordinary[draws.below("other", places, len(ordinary))]
    exchanged = np.where(fate < spec.masked + spec.random, others, ids)
    return np.where(hidden, np.where(fate < spec.masked, lexicon.mask_id, exchanged), ids)


class MaskedLM:
    """The pretext, ready to ask."""

    def __init__(self, spec: Spec, lexicon: Lexicon) -> None:
        self._spec, self._lexicon = spec, lexicon
        # A token that the corpus lacks is drawn as if it stood there once.
        self._weights = np.maximum(lexicon.counts, 1) ** -spec.rarity if spec.rarity else None

    def ask(self, passages: Passages, draws: Draws) -> Asked:
        """Hide some tokens of each row."""
        weights = None if self._weights is None else self._weights[passages.ids]
        spec, special = self._spec, self._lexicon.special
        hidden = choose(passages, spec.fraction, draws, special, whole_words=spec.whole_words, weights=weights)
        return Asked(replaced(passages.ids, hidden, passages.places, spec, self._lexicon, draws), hidden)


def build(spec: Spec, lexicon: Lexicon) -> MaskedLM:
    """Any vocabulary with a mask will do."""
    return MaskedLM(spec, lexicon)

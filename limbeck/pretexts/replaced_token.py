"""Tell which words a small generator put there (ELECTRA, Clark et al. 2020, arXiv:2003.10555, section 2).

A generator, a smaller masked language model that is trained beside the network and then dropped, fills hidden tokens in
by drawing from what it holds likely; the network says of every token whether it is the original. Its loss counts λ = 50
times (section 2 there), `weight`; the generator's own counts once. A filled-in token that is the original one counts as
original. Hidden tokens are all masked, as the paper says; its code leaves 15 % of them as they are.
"""

import numpy as np
from pydantic import Field

from limbeck.core.spec import Weighted
from limbeck.text.draws import Draws
from limbeck.text.masking import choose
from limbeck.text.pretext import Asked, Lexicon, Passages

ABOUT = "words"


class Spec(Weighted):
    """Replaced token detection."""

    weight: float = Field(50.0, gt=0.0)
    """Factor of the network's loss, λ; the paper's is 50."""
    generator: float = Field(0.25, gt=0.0, le=1.0)
    """Width of the generator, as part of the network's; the paper's are 1/4 (small: 1/4, base: 1/3, large: 1/4)."""
    fraction: float = Field(0.15, gt=0.0, lt=1.0)
    """Part of each row's tokens that are hidden; 0.15 in the paper, 0.25 for its large model."""
    whole_words: bool = False
    """Whether the tokens of a word are hidden together."""


class ReplacedToken:
    """The pretext, ready to ask."""

    def __init__(self, spec: Spec, lexicon: Lexicon) -> None:
        self._spec, self._lexicon = spec, lexicon

    def ask(self, passages: Passages, draws: Draws) -> Asked:
        """Mask some tokens of each row: what the generator is to fill in."""
        spec, special = self._spec, self._lexicon.special
        hidden = choose(passages, spec.fraction, draws, special, whole_words=spec.whole_words)
        return Asked(np.where(hidden, self._lexicon.mask_id, passages.ids), hidden)


def build(spec: Spec, lexicon: Lexicon) -> ReplacedToken:
    """Any vocabulary with a mask will do."""
    return ReplacedToken(spec, lexicon)

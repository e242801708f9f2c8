"""Swap words and leave words out: EDA's random swap and random deletion (Wei and Zou 2019, arXiv:1901.11196, §2).

A variant is of one kind. A swap exchanges two words, n = max(1, α·l) times in a sentence of l words; a deletion leaves
each word out with probability p, but never all of them. Any word with a letter or digit counts, stop words too;
punctuation stays where it is. EDA lower-cases and drops punctuation first; its other two kinds need a thesaurus.

Reads nothing, costs nothing. The teacher labels what comes out, so that meaning may change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import Field, model_validator

from limbeck.core.spec import Spec as CoreSpec
from limbeck.text.port import Augmenter, Draw
from limbeck.text.sentence import Sentence


class Spec(CoreSpec):
    """Random swap and random deletion; one of the two at least."""

    swap: float = Field(0.1, ge=0, le=1)
    """Swaps for each word of a sentence, the paper's α; 0: none. The paper has 0.05 below 5 000 rows, 0.1 above."""
    delete: float = Field(0.1, ge=0, lt=1)
    """Share of the words left out, the paper's p; 0: none. The paper has 0.05 below 5 000 rows, 0.1 above."""

    @model_validator(mode="after")
    def _does_something(self) -> "Spec":
        if not self.swap and not self.delete:
            raise ValueError("swap and delete are both 0; set one of them higher")
        return self


@dataclass
class Words:
    """Swaps and deletions."""

    spec: Spec
    title: str

    def plan(self, sentence: Sentence) -> Draw:
        """Find the words that may move."""
        places = [i for i, word in enumerate(sentence.words) if any(c.isalnum() for c in word)]
        kinds: list[Callable[[Random], list[str]]] = []
        if len(places) > 1 and self.spec.swap:
            kinds.append(lambda random: swapped(sentence.words, places, self.spec.swap, random))
        if len(places) > 1 and self.spec.delete:
            kinds.append(lambda random: thinned(sentence.words, places, self.spec.delete, random))
        return lambda random: random.choice(kinds)(random) if kinds else list(sentence.words)


def swapped(words: Sequence[str], places: Sequence[int], rate: float, random: Random) -> list[str]:
    """Exchange two of the words at `places`, max(1, rate · places) times.

    >>> swapped(["fine", ",", "film"], [0, 2], 0.1, Random(0))
    ['film', ',', 'fine']
    """
    variant = list(words)
    for _ in range(max(1, int(rate * len(places)))):
        one, other = random.sample(places, 2)
        variant[one], variant[other] = variant[other], variant[one]
    return variant


def thinned(words: Sequence[str], places: Sequence[int], rate: float, random: Random) -> list[str]:
    """Empty each of the words at `places` with probability `rate`; if none were left, one is.

    >>> thinned(["a", "fine", "film"], [0, 1, 2], 0.999, Random(0))
    ['', 'fine', '']
    """
    gone = {place for place in places if random.random() < rate}
    if len(gone) == len(places):
        gone.remove(random.choice(places))
    return ["" if i in gone else word for i, word in enumerate(words)]


def build(spec: Spec, teacher: Path | None) -> Augmenter:
    """The augmenter.

    Args:
        spec: Its fields.
        teacher: Not read.
    """
    return Words(spec, "words swapped and left out")

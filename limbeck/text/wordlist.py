"""The words of a long text, found and kept as what they are: few different ones, many times.

A text of a million characters has some ten thousand different stretches between spaces, and a Chinese one some thousand
characters. Each is split into words once; where they stand in the text is then a matter of arrays.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Literal

import numpy as np

from limbeck.text.runs import offsets, sizes, spans
from limbeck.text.words import classify, joined_spans, split_characters, split_words

Unit = Literal["spaces", "characters"]
"""What a word is: what stands between spaces and punctuation, or a character."""
_SPLIT = {"spaces": split_words, "characters": split_characters}
_ALONE = {"spaces": "ce", "characters": "wsdcep.-'/@:&,"}
"""Classes of characters that no word goes on from or into, but for marks and joiners."""
_SHORT = 2000
"""Characters of a text that is split at once, as arrays would take longer."""
_FEW = 0.1
"""Share of characters that stand alone below which stretches between spaces are sought, which is faster."""


@dataclass(frozen=True, slots=True, eq=False)
class WordList:
    """Words of a text, in order.

    Attributes:
        spelt: The different words; a few may stand here twice.
        numbers: Which of them each word is.
        starts: Where each word begins in the text, in Python's characters.
        ends: Where what follows it begins.
    """

    spelt: list[str]
    numbers: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, words: Sequence[str]) -> "WordList":
        """Words that are given, as they stand in `" ".join(words)`."""
        places = np.array(joined_spans(words), np.int64).reshape(-1, 2)
        return cls(*numbered(words), *places.T)

    @classmethod
    def read(cls, text: str, unit: Unit) -> "WordList":
        """Split a text, as `split_words` or `split_characters` does.

        >>> words = WordList.read("good film, " * 500, "spaces")
        >>> len(words), words.spelt, words.starts[:4].tolist(), list(words)[-1]
        (1500, ['good', 'film', ','], [0, 5, 9, 11], ',')
        """
        if len(text) <= _SHORT:
            places = np.array(_SPLIT[unit](text), np.int64).reshape(-1, 2)
            return cls([text[start:end] for start, end in places.tolist()], np.arange(len(places)), *places.T)
        starts, stretches, numbers = _stretches(text, _ALONE[unit])
        whole = "\n".join(stretches)
        found = np.fromiter(chain.from_iterable(_SPLIT[unit](whole)), np.int64).reshape(-1, 2)
        heads = offsets([len(stretch) + 1 for stretch in stretches])[:-1]
        owners = np.searchsorted(heads, found[:, 0], side="right") - 1
        its = offsets(np.bincount(owners, minlength=len(stretches)))
        words = spans(its, numbers)
        begins = np.repeat(starts, sizes(its, numbers)) + (found[:, 0] - heads[owners])[words]
        return cls([whole[a:b] for a, b in found.tolist()], words, begins, begins + (found[:, 1] - found[:, 0])[words])

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        return map(self.spelt.__getitem__, self.numbers.tolist())


def numbered(words: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The different words in the order in which they are met, and which of them each word is.

    >>> numbered(["to", "be", "or", "to"])[1].tolist()
    [0, 1, 2, 0]
    """
    known: defaultdict[str, int] = defaultdict(count().__next__)
    numbers = np.fromiter(map(known.__getitem__, words), np.int64, len(words))
    return list(known), numbers


def _stretches(text: str, alone: str) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Where the stretches of a text begin of which no word reaches beyond; the different ones; and which each is."""
    codes, places = _distinct(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))
    characters = [chr(code) for code in codes]
    kinds = classify("".join(characters))
    space, single, mark, joiner = (np.array([k in some for k in kinds])[places] for some in (" ", alone, "mj", "j"))
    begins = ~space
    if single.mean() < _FEW:
        begins[1:] &= space[:-1]
        return np.flatnonzero(begins), *numbered(text.split())
    begins[1:] &= space[:-1] | (single[1:] & ~joiner[:-1]) | (single[:-1] & ~mark[1:])
    starts = np.flatnonzero(begins)
    breaks = np.flatnonzero(begins | space)
    ends = np.append(breaks[1:], len(text))[begins[breaks]]
    short = ends - starts == 1
    longer = [text[start:end] for start, end in zip(starts[~short].tolist(), ends[~short].tolist(), strict=True)]
    spelt, numbers = numbered(longer)
    found = np.empty(len(starts), np.int64)
    found[short] = places[starts[short]]
    found[~short] = numbers + len(characters)
    kept, found = _distinct(found)
    stretches = [*characters, *spelt]
    return starts, [stretches[i] for i in kept.tolist()], found


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `np.unique` gives of small whole numbers, without sorting them."""
    known = np.zeros(int(values.max(initial=0)) + 1, np.int64)
    known[values] = 1
    kept = np.flatnonzero(known)
    known[kept] = np.arange(len(kept))
    return kept, known[values]

"""Tags of words: their schemes, and the entities that they spell.

IOB1 (Ramshaw and Marcus 1995, cmp-lg/9505040) opens an entity with B- only right after another of its type; IOB2 opens
every one with B-; BIOES, also written BMES or BILOU, marks last words (E-, L-) and single ones (S-, U-, W-) as well.
Tags that break their scheme are read as the `conlleval` script of CoNLL-2000 reads them, so that scores compare.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

_TAG = re.compile(r"O|[BIMELSUW]-.+", re.DOTALL)
_PREFIXES = {"M": "I", "L": "E", "U": "S", "W": "S"}
SCHEMES = ("iob2", "iob1", "bioes")
"""Names of the schemes; the first that fits is taken."""


class Entity(NamedTuple):
    """A run of words of one type: words `first` to `last`, without `last`."""

    type: str
    first: int
    last: int


@lru_cache(maxsize=4096)
def is_tag(tag: str) -> bool:
    """Whether a text is `O`, or a prefix, a dash and a type."""
    return _TAG.fullmatch(tag) is not None


@lru_cache(maxsize=4096)
def _parts(tag: str) -> tuple[str, str]:
    prefix, _, kind = tag.partition("-")
    return _PREFIXES.get(prefix, prefix), kind


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Tags of any scheme as IOB2; a tag that continues no entity opens one, as in `conlleval`.

    Args:
        tags: Tags of one sentence, each one that `is_tag` knows.

    >>> to_iob2(["I-PER", "I-PER", "B-PER", "O", "E-LOC"])
    ['B-PER', 'I-PER', 'B-PER', 'O', 'B-LOC']
    >>> to_iob2(["B-ORG", "M-ORG", "E-ORG", "S-ORG", "I-ORG"])
    ['B-ORG', 'I-ORG', 'I-ORG', 'B-ORG', 'B-ORG']
    """
    found = []
    before = ("O", "")
    for tag in tags:
        prefix, kind = now = _parts(tag)
        if prefix == "O":
            found.append("O")
        else:
            opens = prefix in "BS" or before[0] in "OES" or before[1] != kind
            found.append(("B-" if opens else "I-") + kind)
        before = now
    return found


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities that tags of any scheme spell.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [Entity(type='PER', first=0, last=2), Entity(type='LOC', first=3, last=4)]
    """
    found: list[Entity] = []
    for word, tag in enumerate(to_iob2(tags)):
        if tag.startswith("B-"):
            found.append(Entity(tag[2:], word, word + 1))
        elif tag.startswith("I-"):
            found[-1] = found[-1]._replace(last=word + 1)
    return found


def oddities(sentences: Iterable[Sequence[str]]) -> dict[str, int]:
    """How many tags each scheme would not allow, in the order of `SCHEMES`.

    >>> oddities([["I-PER", "I-PER", "O"]])
    {'iob2': 1, 'iob1': 0, 'bioes': 2}
    """
    orphans = loose = unclosed = closers = 0
    for tags in sentences:
        before = ("O", "")
        for prefix, kind in [*map(_parts, tags), ("O", "")]:
            inside = before[0] in "BI" and before[1] == kind
            orphans += prefix in "IE" and not inside
            loose += prefix == "B" and not (before[0] != "O" and before[1] == kind)
            unclosed += before[0] in "BI" and not (prefix in "IE" and inside)
            closers += prefix in "ES"
            before = (prefix, kind)
    return {"iob2": orphans + closers, "iob1": loose + closers, "bioes": orphans + unclosed}

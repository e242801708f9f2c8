"""Rows into train, dev and test: each class in its share, equal inputs together, the same on every machine.

What decides is sha256 of seed and input, not the order of rows, nor Python's `hash`, which differs between processes.
That equal inputs must not stand on both sides is shown by Lee et al. 2022, arXiv:2107.06499, §6.
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from limbeck.text.port import Example

_VALUE_BINS = 10
_ROWS_PER_STRATUM = 10
_SEPARATOR = "\x1f"


def plain_key(example: Example) -> str:
    r"""An example's inputs without what hardly changes them: case, width of characters, runs of white space.

    >>> plain_key(Example("A  Fine film\n")) == plain_key(Example("a fine film"))
    True
    """
    text = " ".join(example.text) if isinstance(example.text, list | tuple) else example.text
    parts = [text] if example.pair is None else [text, example.pair]
    return _SEPARATOR.join(_plain(part) for part in parts)


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def shuffled(keys: Sequence[str], seed: int) -> list[int]:
    """Indices of `keys` in an order that depends on the seed and each key alone; equal keys keep their order."""
    return sorted(range(len(keys)), key=lambda i: _rank(keys[i], seed))


def _rank(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}{_SEPARATOR}{key}".encode("utf-8", "surrogatepass")).digest()


def quantile_strata(values: Sequence[float | None]) -> list[str | None]:
    """Values in bins of about equal number, ten or as many as leave ten rows in each, so that each split has its share.

    >>> quantile_strata([0.5, 9.0, None, *[1.0] * 10, *[2.0] * 10])[:3]
    ['0', '1', None]
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    bins = max(1, min(_VALUE_BINS, len(known) // _ROWS_PER_STRATUM))
    edges = np.quantile(known, np.arange(1, bins) / bins) if len(known) else known
    return [None if value is None else str(np.searchsorted(edges, value)) for value in values]


def set_strata(label_sets: Sequence[Sequence[str] | None]) -> list[str | None]:
    """Sets of labels that hold together; those with too few rows to be shared out go by their rarest label.

    >>> set_strata([["a"], None, *[["b"]] * 10, *[["b", "a"]] * 9])[:4]
    ['rare a', None, 'b', 'b']
    """
    counts = Counter(label for labels in label_sets for label in labels or ())
    names = [None if labels is None else _SEPARATOR.join(labels) for labels in label_sets]
    sizes = Counter(names)
    return [
        name
        if name is None or not labels or sizes[name] >= _ROWS_PER_STRATUM
        else f"rare {min(labels, key=lambda label: (counts[label], label))}"
        for name, labels in zip(names, label_sets, strict=True)
    ]


def split_rows(
    keys: Sequence[str], strata: Sequence[str | None], fractions: Mapping[str, float], seed: int
) -> dict[str, list[int]]:
    """Draw splits from rows; what no split takes is `train`.

    Rows with equal keys stay together. A stratum gives each split its fraction, rounded, but at least one row; a
    stratum with too few different rows to leave one in train stays there whole. So does a group of equal rows that is
    larger than what any split still lacks.

    Args:
        keys: What makes rows equal.
        strata: The class of each row, or None for an unlabelled one, which stays in train unless a labelled row
            has its key.
        fractions: Split → fraction of the labelled rows, as `{"dev": 0.1, "test": 0.1}`; each at most 0.3.
        seed: Decides which rows.

    Returns:
        `train` and each split of `fractions` → its rows, ascending.

    >>> split_rows(["a", "b", "c", "a"], ["x", "x", "x", "x"], {"test": 0.25}, seed=0)
    {'train': [0, 1, 3], 'test': [2]}
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        groups[key].append(row)
    members: dict[str, list[str]] = defaultdict(list)
    for key, rows in groups.items():
        if (stratum := next((s for row in rows if (s := strata[row]) is not None), None)) is not None:
            members[stratum].append(key)
    found: dict[str, list[int]] = {"train": [], **{name: [] for name in fractions}}
    taken: set[str] = set()
    for stratum in sorted(members):
        drawn = _draw(members[stratum], groups, fractions, seed)
        for name, names_keys in drawn.items():
            taken.update(names_keys)
            found[name] += (row for key in names_keys for row in groups[key])
    found["train"] = [row for row, key in enumerate(keys) if key not in taken]
    return {name: sorted(rows) for name, rows in found.items()}


def _draw(
    keys: Sequence[str], groups: Mapping[str, Sequence[int]], fractions: Mapping[str, float], seed: int
) -> dict[str, list[str]]:
    """Keys of one stratum for each split."""
    if len(keys) <= len(fractions):
        return {}
    total = sum(len(groups[key]) for key in keys)
    left = {name: max(1, round(total * fraction)) for name, fraction in fractions.items()}
    drawn: dict[str, list[str]] = {name: [] for name in fractions}
    for i in shuffled(keys, seed):
        size = len(groups[keys[i]])
        name = next((n for n in fractions if size <= left[n]), None)
        if name is not None:
            drawn[name].append(keys[i])
            left[name] -= size
    return drawn

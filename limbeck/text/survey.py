"""What is odd about the rows of a data set, counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev

from limbeck.text.port import Example

RARE = 10
"""Rows of a class below which its scores are little more than chance."""
_SHARE_IMBALANCED = 0.9
_SHOWN_NAMES = 5
_LEAST_SPREAD, _MOST_SPREAD = 0.1, 10


def repeated(keys: Sequence[str]) -> int:
    """How many rows repeat an earlier one.

    >>> repeated(["a", "b", "a", "a"])
    2
    """
    return len(keys) - len(set(keys))


def conflicting(keys: Sequence[str], examples: Sequence[Example]) -> int:
    """How many labelled rows have the inputs of another row but not its label."""
    targets = defaultdict(list)
    for key, example in zip(keys, examples, strict=True):
        if example.target is not None:
            targets[key].append(str(example.target))
    return sum(len(found) for found in targets.values() if len(set(found)) > 1)


def shared(keys: Sequence[str], others: Sequence[str]) -> int:
    """How many rows of `keys` stand in `others` too."""
    there = set(others)
    return sum(key in there for key in keys)


def rare(counts: Mapping[str, int], names: Sequence[str]) -> str:
    """The classes of `names` with fewer than `RARE` rows, for people; empty if there is none.

    >>> rare({"bug": 40, "praise": 3}, ["bug", "praise", "spam"])
    "'praise' (3), 'spam' (0)"
    """
    found = sorted(
        (name for name in names if counts.get(name, 0) < RARE), key=lambda name: counts.get(name, 0), reverse=True
    )
    rest = len(found) - _SHOWN_NAMES
    shown = ", ".join(f"{name!r} ({counts.get(name, 0)})" for name in found[:_SHOWN_NAMES])
    return shown + (f" and {rest} more" if rest > 0 else "")


def dominant(counts: Counter[str]) -> str:
    """The class that nine rows of ten belong to, if there are others; else an empty text.

    >>> dominant(Counter(ham=95, spam=5))
    'ham'
    """
    (name, most), *others = counts.most_common() or [("", 0)]
    return name if others and most >= _SHARE_IMBALANCED * counts.total() else ""


def values(examples: Sequence[Example]) -> list[float]:
    """The numbers to be learnt; none where labels are."""
    return [e.target for e in examples if isinstance(e.target, float)]


def far_from_unit(values: Sequence[float]) -> bool:
    """Whether numbers spread much more or less than by 1.

    >>> far_from_unit([1.0, 4.5]), far_from_unit([100.0, 4500.0])
    (False, True)
    """
    return not _LEAST_SPREAD <= pstdev(values) <= _MOST_SPREAD


def spread(values: Sequence[float]) -> str:
    """Numbers in short, for people.

    >>> spread([1.0, 2.0, 6.0])
    'values from 1 to 6, mean 3, standard deviation 2.16'
    """
    return (
        f"values from {min(values):.3g} to {max(values):.3g}, mean {fmean(values):.3g}, "
        f"standard deviation {pstdev(values):.3g}"
    )


def shares(counts: Counter[str]) -> str:
    """Classes with their share, the largest first, for people.

    >>> shares(Counter(negative=48, positive=52))
    'positive (52 %), negative (48 %)'
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} ({100 * n / counts.total():.0f} %)" for name, n in ranked]
    rest = len(shown) - 2 * _SHOWN_NAMES
    return ", ".join(shown[: 2 * _SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")

"""Which column is which: told by names that people give to columns, and by what stands in them."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from limbeck.core.table import Table

_SAMPLE_ROWS = 2000
"""Rows looked at to tell how long texts are."""
_LABEL_CHARACTERS = 40
_LABEL_SHARE = 0.5
"""Distinct values per row above which a column is no label."""
_MOST_CLASSES = 200
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""How a number is written; `nan`, `inf` and `1_000`, which Python reads too, are none."""
Separator = Literal["", "|", ";", ","]
SEPARATORS: tuple[Separator, ...] = ("|", ";", ",")
"""What may stand between several labels in a cell, the surest sign first."""
_FEW_VALUES = 10
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def named(table: Table, names: Sequence[str], among: Collection[str]) -> list[str]:
    """Columns of `among` whose name is one of `names`, in the order of `names`; case and punctuation do not matter."""
    plain = {re.sub(r"[\W_]+", "_", name.strip().lower()): name for name in reversed(list(table.columns))}
    return [plain[name] for name in names if name in plain and plain[name] in among]


def of_text(table: Table) -> list[str]:
    """Columns that hold texts, or nothing at all."""
    return [name for name, values in table.columns.items() if _only(values, str)]


def of_lists(table: Table) -> list[str]:
    """Columns that hold lists of texts, or nothing at all."""
    return [name for name, values in table.columns.items() if _only(values, list)]


def _only(values: Iterable[object], kind: type) -> bool:
    return {type(value) for value in values} <= {kind, type(None)}


def mixed(table: Table) -> list[str]:
    """Places of lists in columns that hold mostly texts, and of texts in columns of lists, with what stands there."""
    found = []
    for name, values in table.columns.items():
        kinds = Counter(type(value) for value in values if value is not None)
        odd = min(kinds, key=kinds.__getitem__) if len(kinds) > 1 else None
        said = "a list" if odd is list else "a text"
        found += [f"{table.place(row, name)}: {said}" for row, value in enumerate(values) if odd and type(value) is odd]
    return found


def longest(table: Table, names: Sequence[str]) -> str:
    """The column of `names` with the longest texts on average; the first of equals."""
    return max(names, key=lambda name: _mean_length(table.columns[name]))


def _mean_length(values: Sequence[str | None]) -> float:
    sample = [len(value) for value in values[:_SAMPLE_ROWS] if value is not None]
    return sum(sample) / max(len(sample), 1)


def look_like_labels(table: Table, names: Sequence[str]) -> list[str]:
    """Columns of `names` with few, short values that come again and again."""
    return [name for name in names if _repeats(table.columns[name])]


def _repeats(values: Sequence[str | None]) -> bool:
    given = [value for value in values if value is not None]
    distinct = set(given)
    return (
        2 <= len(distinct) <= min(_MOST_CLASSES, _LABEL_SHARE * len(given))
        and max(map(len, distinct)) <= _LABEL_CHARACTERS
        and not is_quantity(distinct)
    )


def is_quantity(values: Collection[str]) -> bool:
    """Whether distinct values are a quantity to predict, not classes: numbers, some no integers, or very many of them.

    >>> is_quantity([str(x / 4) for x in range(20)]), is_quantity(["1.0", "2.0", "3.0"])
    (True, False)
    """
    return (
        len(values) > _FEW_VALUES
        and all(NUMBER.fullmatch(value.strip()) for value in values)
        and (len(values) > _MOST_CLASSES or not all(float(value).is_integer() for value in values))
    )


def split_labels(cell: str, separator: str) -> list[str]:
    """The labels in a cell; `[]` says that none holds.

    >>> split_labels("drama| comedy", "|"), split_labels("drama", "|"), split_labels("[]", "")
    (['drama', 'comedy'], ['drama'], [])
    """
    if cell.strip() == "[]":
        return []
    return [part.strip() for part in (cell.split(separator) if separator else [cell])]


def label_separator(cells: Sequence[str]) -> Separator:
    """The first of `SEPARATORS` that stands in any cell; empty if none does."""
    return next((mark for mark in SEPARATORS if any(mark in cell for cell in cells)), "")


def holds_label_sets(cells: Sequence[str]) -> bool:
    """Whether cells are sets of labels, separated: short ones, fewer than the combinations that they come in.

    >>> holds_label_sets(["a|b", "b|c", "a", "b", "c|a|b"]), holds_label_sets(["Home, Garden", "Arts, Crafts"] * 9)
    (True, False)
    """
    mark = label_separator(cells)
    distinct = set(cells)
    if not mark or all(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in distinct if mark in cell):
        return False
    sets = [split_labels(cell, mark) for cell in distinct]
    labels = {label for one in sets for label in one}
    return (
        len(labels) < min(len(distinct), _MOST_CLASSES + 1)
        and max(map(len, labels), default=0) <= _LABEL_CHARACTERS
        and all(one.count(label) == 1 and label for one in sets for label in one)
    )


def describe(table: Table) -> str:
    """The columns with a value each, for people: `'id' ("17"), 'text' ("A fine film.")`."""
    shown = []
    for name, values in table.columns.items():
        value = next((v for v in values if v is not None), None)
        plain = " ".join(value if isinstance(value, list) else str(value or "").split())
        shown.append(f"{name!r} ({plain[:30] + '…' if len(plain) > 30 else plain})")
    return ", ".join(shown)


def wanted_column(table: Table, wanted: Mapping[str, str | None], role: str) -> str | None:
    """The column that a flag names, or None where it names none.

    Raises:
        DataError: There is no such column.
    """
    name = wanted.get(role)
    if not name:
        return None
    table.column(name, role)
    return name

"""A user's rows as text columns, each row knowing the line it came from."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.core.errors import DataError

SHOWN_ROWS = 20
"""How many bad rows are listed one by one before the rest is only counted."""


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes:
        path: The file it was read from.
        columns: Name → values. A value is a `str`, a list of `str` (words, tags), or None where it is blank or absent.
        lines: Line number, counted from 1, on which each row begins.
        read_as: How the file was understood, for people: `CSV, 2 columns`.
    """

    path: Path
    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    read_as: str = ""

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str, role: str) -> Sequence[Any]:
        """The values of a column.

        Raises:
            DataError: There is no such column; those that exist are named, with the flag that chooses.
        """
        if name not in self.columns:
            plain = {column.strip().lower(): column for column in self.columns}
            near = difflib.get_close_matches(name.strip().lower(), plain, 1)
            hint = f" (did you mean {plain[near[0]]!r}?)" if near else ""
            raise DataError(
                f"{self.path}: no column {name!r} for --{role}{hint}; the columns are "
                f"{', '.join(map(repr, self.columns))}"
            )
        return self.columns[name]

    def place(self, row: int, column: str | None = None) -> str:
        """`file:line:column` of a cell; the column is counted from 1."""
        where = f"{self.path}:{self.lines[row]}"
        return where if column is None else f"{where}:{list(self.columns).index(column) + 1}"


def refuse(faults: Iterator[str] | Sequence[str], what: str) -> None:
    """Raise if there is any fault, showing the first ones and the count of all.

    Raises:
        DataError: At least one row is bad.
    """
    found = list(faults)
    if found:
        rest = len(found) - SHOWN_ROWS
        tail = [f"… and {rest} more"] if rest > 0 else []
        raise DataError("\n".join([f"{len(found)} {what}:", *found[:SHOWN_ROWS], *tail]))

"""Delimited text (CSV, TSV) to a table: exact line numbers, nothing interpreted, no ragged row let through."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from limbeck.core.errors import DataError
from limbeck.core.table import Table, refuse

Record = tuple[int, list[str]]
"""The line on which a row begins, and its cells."""


def records(path: Path, text: str, delimiter: str, *, quoted: bool = True) -> list[Record]:
    """Split text into rows of cells; empty lines are left out.

    Args:
        path: Named in errors.
        text: The file's text.
        delimiter: One character.
        quoted: Whether `"…"` encloses a cell; otherwise quotation marks are ordinary characters.

    Raises:
        DataError: A quoted cell is not closed, or goes on after its closing mark.
    """
    found: list[Record] = []
    line = 1
    # The limit is the module's, not the reader's; it must admit the longest text and be put back.
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        source = io.StringIO(text, newline="")
        reader = csv.reader(
            source, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=True
        )
        for row in reader:
            if row:
                found.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}:{line}: the row that begins here cannot be read ({error}); a cell with a quotation mark is "
            'enclosed in quotation marks, and each one inside it is written twice: "say ""so"""'
        ) from None
    finally:
        csv.field_size_limit(limit)
    return found


def is_ragged(rows: Sequence[Record]) -> bool:
    """Whether some row has another number of cells than the first."""
    return any(len(row) != len(rows[0][1]) for _, row in rows)


def to_table(path: Path, rows: Sequence[Record], names: Sequence[str], form: str) -> Table:
    """Make a table of records; a blank cell becomes None, every other cell stays the text that it is.

    Args:
        path: The file.
        rows: Records; the first one holds the column names unless `names` does.
        names: Column names of a file without a header line, else empty.
        form: What the file is, for people, as `CSV`.

    Raises:
        DataError: There is no row, a row is ragged, a column name stands twice or the header looks like data.
    """
    header = _header(path, rows, names)
    body = rows if names else rows[1:]
    if not body:
        raise DataError(f"{path}: there is a header line but no row; add rows of text with their labels")
    width = len(header)
    refuse(
        [
            f"{path}:{line}:{min(len(row), width) + 1}: {len(row)} cells, {width} expected"
            for line, row in body
            if len(row) != width
        ],
        "ragged rows; enclose a cell that has a delimiter or a line break in quotation marks",
    )
    cells = zip(*(row for _, row in body), strict=True)
    columns = {
        name: [None if not cell or cell.isspace() else cell for cell in column]
        for name, column in zip(header, cells, strict=True)
    }
    lines = [line for line, _ in body]
    if not names:
        _refuse_data_as_header(path, columns, lines)
    return Table(path, columns, lines, f"{form}, {width} column{'s' * (width > 1)}")


def _header(path: Path, rows: Sequence[Record], names: Sequence[str]) -> list[str]:
    given = names or rows[0][1]
    header = [name.strip() or f"column_{number}" for number, name in enumerate(given, 1)]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{path}:{rows[0][0]}: two columns are named {twice[0]!r}; give each column its own name")
    return header


def _refuse_data_as_header(path: Path, columns: dict[str, list[str | None]], lines: Sequence[int]) -> None:
    """A file without a header line would lose its first row and be taught by names that are labels."""
    for name, values in columns.items():
        if 2 * len(set(values)) <= len(values) and name in values:
            raise DataError(
                f"{path}:{lines[values.index(name)]}: the first line should hold column names, but its {name!r} is "
                "also a value of that column; put names there (as text,label) once, or give them: "
                f"--set 'prepare.reader={{kind: {path.suffix.lstrip('.').lower()}, columns: [text, label]}}'"
            )

"""Comma-separated values (RFC 4180), also with semicolons or bars; the first line names the columns.

Python's own `csv` module reads it, strictly, because an error must name the line, which pyarrow does not tell, and
because every cell is text here: `NA`, `null` and `001` stay what they are. A blank cell is an absent value.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.text.delimited import records, to_table
from limbeck.text.port import Reader
from limbeck.text.source import read_text

EXTENSIONS: tuple[str, ...] = (".csv",)
_DELIMITERS = ",;|"


class Spec(core.Spec):
    """How the file is written."""

    encoding: str = "utf-8"
    """Text encoding, as Python names it; a byte order mark is skipped."""
    delimiter: Literal["auto", ",", ";", "|"] = "auto"
    """What stands between cells; `auto` takes the one that gives the first line the most cells, a comma if in doubt."""
    columns: tuple[str, ...] = ()
    """Column names of a file whose first line is a row already."""


def claims(path: Path) -> bool:
    """Whether this reader is the one for `path`."""
    return path.is_file() and path.suffix.lower() in EXTENSIONS


def sniff(line: str) -> str:
    """The delimiter that splits a header line into the most cells.

    >>> sniff('id;text;label, or class'), sniff('text')
    (';', ',')
    """
    return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


@dataclass(frozen=True)
class CsvReader:
    """Reads CSV files."""

    spec: Spec

    def read(self, path: Path) -> Table:
        """Read a file.

        Raises:
            DataError: The file or a row of it cannot be read as it is; each fault with its place.
        """
        text = read_text(path, self.spec.encoding)
        given = self.spec.delimiter
        header = text.lstrip("\r\n").splitlines()[0]
        delimiter = sniff(header) if given == "auto" else given
        if "\t" in header and len(next(csv.reader([header], delimiter=delimiter))) == 1:
            raise DataError(f"{path}:1: tabs stand between the column names; give the file the ending .tsv")
        form = "CSV" if delimiter == "," else f"CSV with {delimiter!r} between cells"
        return to_table(path, records(path, text, delimiter), self.spec.columns, form)


def build(spec: Spec) -> Reader:
    """The reader."""
    return CsvReader(spec)

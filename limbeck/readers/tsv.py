r"""Tab-separated values, a row a line; the first line names the columns.

Two habits exist: GLUE's files (Wang et al. 2018, arXiv:1804.07461) use quotation marks as ordinary characters, while
spreadsheets enclose cells in them. The file is read in the second way only if that succeeds in every row, and either
finds the same number of rows or is the only way that gives all rows the same number of cells.
"""

from dataclasses import dataclass
from pathlib import Path

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.text.delimited import Record, is_ragged, records, to_table
from limbeck.text.port import Reader
from limbeck.text.source import read_text

EXTENSIONS: tuple[str, ...] = (".tsv", ".tab")


class Spec(core.Spec):
    """How the file is written."""

    encoding: str = "utf-8"
    """Text encoding, as Python names it; a byte order mark is skipped."""
    columns: tuple[str, ...] = ()
    """Column names of a file whose first line is a row already."""


def claims(path: Path) -> bool:
    """Whether this reader is the one for `path`."""
    return path.is_file() and path.suffix.lower() in EXTENSIONS


@dataclass(frozen=True)
class TsvReader:
    """Reads TSV files."""

    spec: Spec

    def read(self, path: Path) -> Table:
        """Read a file.

        Raises:
            DataError: The file or a row of it cannot be read as it is; each fault with its place.
        """
        text = read_text(path, self.spec.encoding)
        rows, form = _rows(path, text)
        return to_table(path, rows, self.spec.columns, form)


def _rows(path: Path, text: str) -> tuple[list[Record], str]:
    plain = records(path, text, "\t", quoted=False)
    if '"' in text:
        try:
            quoted = records(path, text, "\t")
        except DataError:
            return plain, "TSV"
        if not is_ragged(quoted) and (is_ragged(plain) or len(quoted) == len(plain)):
            return quoted, "TSV with quoted cells"
    return plain, "TSV"


def build(spec: Spec) -> Reader:
    """The reader."""
    return TsvReader(spec)

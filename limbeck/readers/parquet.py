"""Apache Parquet, through pyarrow; class numbers written by `datasets` get the names in the file's metadata."""

from dataclasses import dataclass
from pathlib import Path

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.text.arrow import features_of, require_pyarrow, to_table
from limbeck.text.port import Reader

EXTENSIONS: tuple[str, ...] = (".parquet", ".pq")


class Spec(core.Spec):
    """Parquet says itself how it is written."""


def claims(path: Path) -> bool:
    """Whether this reader is the one for `path`."""
    return path.is_file() and path.suffix.lower() in EXTENSIONS


@dataclass(frozen=True)
class ParquetReader:
    """Reads Parquet files."""

    def read(self, path: Path) -> Table:
        """Read a file.

        Raises:
            DataError: It is missing, damaged or empty.
        """
        arrow = require_pyarrow("reading Parquet")
        import pyarrow.parquet

        try:
            data = pyarrow.parquet.ParquetFile(path).read()
        except (OSError, arrow.ArrowException) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error}); write the file again") from None
        return to_table(path, data, features_of(data.schema.metadata), "Parquet")


def build(spec: Spec) -> Reader:
    """The reader."""
    return ParquetReader()

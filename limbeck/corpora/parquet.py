"""Apache Parquet, one of whose columns holds a document in each row; read some rows at a time, through pyarrow."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.text.arrow import require_pyarrow
from limbeck.text.corpus import CorpusFormat, Document, Tally

EXTENSIONS: tuple[str, ...] = (".parquet", ".pq")
_ROWS = 256
_TEXTS = {"string", "large_string", "string_view", "binary", "large_binary", "binary_view"}


class Spec(core.Spec):
    """Where the text is."""

    column: str = "text"
    """Column of the text."""


def claims(reference: str) -> bool:
    """Whether this is the format of a file, by its name."""
    return Path(reference.lower()).suffix in EXTENSIONS


@dataclass(frozen=True)
class Parquet:
    """Reads Parquet files."""

    spec: Spec

    def documents(self, reference: str, tally: Tally) -> Iterator[Document]:
        """The documents of a file, a row each.

        Raises:
            DataError: It is missing or damaged, or has no such column of texts.
        """
        arrow = require_pyarrow("reading Parquet")
        import pyarrow.parquet

        path = Path(reference)
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                self._check(path, file.schema_arrow, arrow.types)
                size, rows, row = path.stat().st_size, file.metadata.num_rows, 0
                for batch in file.iter_batches(_ROWS, columns=[self.spec.column]):
                    for value in batch.column(0).cast(arrow.large_binary()).to_pylist():
                        row += 1
                        yield from _document(value, f"{path}:{row}", tally)
                    tally.read += size * row // rows - size * (row - len(batch)) // rows
        except (OSError, arrow.ArrowException) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error}); write the file again") from None

    def _check(self, path: Path, schema: Any, types: Any) -> None:
        if self.spec.column not in schema.names:
            near = difflib.get_close_matches(self.spec.column, schema.names, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise DataError(
                f"{path}: no column {self.spec.column!r}{hint}; the columns are {', '.join(map(repr, schema.names))}; "
                "choose with --column"
            )
        kind = schema.field(self.spec.column).type
        if types.is_dictionary(kind):
            kind = kind.value_type
        if str(kind) not in _TEXTS:
            raise DataError(f"{path}: column {self.spec.column!r} holds {kind}, not texts; choose with --column")


def _document(value: bytes | None, place: str, tally: Tally) -> Iterator[Document]:
    tally.lines += 1
    try:
        text = (value or b"").decode()
    except UnicodeDecodeError as error:
        tally.leave_out(place, f"byte {error.start + 1} is not UTF-8")
        return
    if value is None:
        tally.leave_out(place, "no text (null)")
    elif paragraphs := list(tally.paragraphs(text, place)):
        yield Document(paragraphs, place)


def build(spec: Spec) -> CorpusFormat:
    """The format."""
    return Parquet(spec)

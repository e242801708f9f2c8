"""Data sets of the Hugging Face hub, streamed by `datasets`: `hf:org/name[@revision][:split]`, a row a document.

A local directory of data files, as `hf:./folder:train`, is read in the same way. Nothing is kept on disk.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.files import sha256_remembered
from limbeck.core.hashing import digest
from limbeck.core.shelf import missing_extra
from limbeck.text.corpus import HUB, CorpusFormat, Document, Tally

EXTENSIONS: tuple[str, ...] = ()
_REFERENCE = re.compile(r"hf:(?P<name>[^@:]+)(?:@(?P<revision>[^:]+))?(?::(?P<split>\w+))?")


class Spec(core.Spec):
    """What is read of a data set."""

    column: str = "text"
    """Column of the text."""
    config: str = ""
    """Name of one of its configurations, as `20231101.en`; empty: the only one."""


def claims(reference: str) -> bool:
    """Whether this is what a reference means."""
    return reference.startswith(HUB)


def parse_reference(reference: str) -> tuple[str, str | None, str]:
    """Name, revision and split.

    Raises:
        DataError: It is no such reference.

    >>> parse_reference("hf:org/name@main:train"), parse_reference("hf:./folder")
    (('org/name', 'main', 'train'), ('./folder', None, 'train'))
    """
    found = _REFERENCE.fullmatch(reference)
    if not found:
        raise DataError(f"{reference}: no reference to a data set; write hf:org/name[@revision][:split]")
    return found["name"], found["revision"], found["split"] or "train"


def revision(reference: str) -> str:
    """What names the state of the data set: its commit, or the hash of a directory's files.

    Raises:
        DataError: There is no such data set, or it cannot be reached.
    """
    name, wanted, _ = parse_reference(reference)
    if Path(name).is_dir():
        files = (file for file in sorted(Path(name).rglob("*")) if file.is_file())
        return digest({file.relative_to(name).as_posix(): sha256_remembered(file) for file in files})
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(name, revision=wanted).sha)
    except Exception as error:  # the hub's client raises many kinds: network, names, rights
        raise _unreachable(reference, error) from None


@dataclass(frozen=True)
class Hub:
    """Streams a data set."""

    spec: Spec

    def documents(self, reference: str, tally: Tally) -> Iterator[Document]:
        """The documents of a data set, a row each.

        Raises:
            DataError: It cannot be reached or read, or has no such split or column.
        """
        rows = self._rows(reference)
        row = 0
        while True:
            try:
                found = next(rows, None)
            except Exception as error:  # every format and every network has its own way to fail
                raise _unreachable(reference, error) from None
            if found is None:
                return
            row += 1
            tally.lines += 1
            yield from self._document(found, f"{reference}:{row}", tally)

    def _rows(self, reference: str) -> Iterator[dict[str, Any]]:
        try:
            import datasets
        except ModuleNotFoundError:
            raise missing_extra("datasets", "reading a data set of the hub") from None
        name, wanted, split = parse_reference(reference)
        try:
            found = datasets.load_dataset(name, self.spec.config or None, split=split, revision=wanted, streaming=True)
            names = list(found.column_names or found.features or ())
        except Exception as error:  # as above; unknown splits and configurations too
            raise _unreachable(reference, error) from None
        if names and self.spec.column not in names:
            raise DataError(
                f"{reference}: no column {self.spec.column!r}; the columns are {', '.join(map(repr, names))}; choose "
                "with --column"
            )
        return iter(found.select_columns([self.spec.column]) if names else found)

    def _document(self, row: dict[str, Any], place: str, tally: Tally) -> Iterator[Document]:
        text = row.get(self.spec.column)
        if not isinstance(text, str):
            tally.leave_out(place, f"{self.spec.column!r} is no text ({text!r:.20})")
        elif paragraphs := list(tally.paragraphs(text, place)):
            yield Document(paragraphs, place)


def _unreachable(reference: str, error: Exception) -> DataError:
    told = " ".join(str(error).split())[:300]
    return DataError(
        f"{reference}: cannot be read ({type(error).__name__}: {told}); check name, revision, split and network, or "
        "save it to files and give these"
    )


def build(spec: Spec) -> CorpusFormat:
    """The format."""
    return Hub(spec)

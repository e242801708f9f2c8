"""JSON lines (jsonlines.org): an object a line, one of whose values is a document; also compressed.

Lines of that text are paragraphs. A line that is no such object is left out and counted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from limbeck.core import spec as core
from limbeck.text.corpus import CorpusFormat, Document, Tally
from limbeck.text.lines import bare_suffix, read_lines

EXTENSIONS: tuple[str, ...] = (".jsonl", ".ndjson")


class Spec(core.Spec):
    """Where the text is."""

    column: str = "text"
    """Key of the text."""
    max_line_mb: int = Field(64, ge=1, le=1024)
    """A longer line, in 2²⁰ bytes, is left out as broken; it is what a line may take of memory."""


def claims(reference: str) -> bool:
    """Whether this is the format of a file, by its name."""
    return bare_suffix(reference) in EXTENSIONS


def text_of(line: str, column: str) -> str:
    """The text in a line.

    Raises:
        ValueError: There is none; says why.

    >>> text_of('{"text": "To be.", "id": 1}', "text")
    'To be.'
    """
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"column {error.colno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"an object is expected (found {type(found).__name__})")
    if column not in found:
        raise ValueError(f"no {column!r}; there are {', '.join(map(repr, list(found)[:8])) or 'no keys'}")
    if not isinstance(found[column], str):
        raise ValueError(f"{column!r} is no text ({json.dumps(found[column])[:20]})")
    return str(found[column])


@dataclass(frozen=True)
class Jsonl:
    """Reads JSON lines."""

    spec: Spec

    def documents(self, reference: str, tally: Tally) -> Iterator[Document]:
        """The documents of a file.

        Raises:
            DataError: It cannot be read, is no UTF-8 text, or too many lines are broken.
        """
        path, too_long = Path(reference), 0
        for line in read_lines(path, self.spec.max_line_mb << 20, tally):
            place = f"{path}:{line.number}"
            if line.whole and line.number != too_long:
                yield from self._document(line.text, place, tally)
            elif line.number != too_long:
                too_long = line.number
                tally.leave_out(place, f"longer than {self.spec.max_line_mb} MiB")

    def _document(self, line: str, place: str, tally: Tally) -> Iterator[Document]:
        try:
            text = text_of(line, self.spec.column) if line and not line.isspace() else ""
        except ValueError as error:
            tally.leave_out(place, str(error))
            return
        if paragraphs := list(tally.paragraphs(text, place)):
            yield Document(paragraphs, place)


def build(spec: Spec) -> CorpusFormat:
    """The format."""
    return Jsonl(spec)

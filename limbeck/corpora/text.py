"""Plain UTF-8 text: a paragraph a line, a blank line between documents; also compressed by gzip, xz or zstd."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from limbeck.core import spec as core
from limbeck.text.corpus import CorpusFormat, Document, Tally, bounded
from limbeck.text.lines import Line, bare_suffix, read_lines

EXTENSIONS: tuple[str, ...] = (".txt", ".text")
_MOST_BYTES_OF_CHARACTER = 4


class Spec(core.Spec):
    """Plain text says nothing of itself."""


def claims(reference: str) -> bool:
    """Whether this is the format of a file, by its name."""
    return bare_suffix(reference) in EXTENSIONS


@dataclass(frozen=True)
class Text:
    """Reads plain text."""

    def documents(self, reference: str, tally: Tally) -> Iterator[Document]:
        """The documents of a file.

        Raises:
            DataError: It cannot be read, is no UTF-8 text, or too much of it is broken.
        """
        path = Path(reference)
        lines = read_lines(path, _MOST_BYTES_OF_CHARACTER * tally.max_line_chars, tally)
        for blank, document in groupby(lines, _is_blank):
            if not blank:
                first = next(document)
                together = chain([first], document)  # noqa: B031  (what is left of the same)
                paragraphs = (p for line in together for p in tally.paragraphs(line.text, f"{path}:{line.number}"))
                for part in bounded(paragraphs):  # here already, as one document may be all of the file
                    yield Document(part, f"{path}:{first.number}")


def _is_blank(line: Line) -> bool:
    return not line.text or line.text.isspace()


def build(spec: Spec) -> CorpusFormat:
    """The format."""
    return Text()

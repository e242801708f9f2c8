r"""CoNLL columns: a word a line, its tag beside it, a blank line between sentences (Tjong Kim Sang 2003, cs/0306050).

Columns stand between TABs if the first word's line has one, else between spaces. Tags are IOB1, IOB2 or BIOES (BMES,
BILOU) and come out as IOB2; what a tag that breaks its scheme means is told in `limbeck.text.tags`. Lines of
`-DOCSTART-` are left out. `# global.columns = …` names the columns (CoNLL-U Plus). A file of one column has no tags.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.table import Table, refuse
from limbeck.text.port import Reader
from limbeck.text.source import lines_of, read_text
from limbeck.text.tags import SCHEMES, is_tag, oddities, to_iob2

EXTENSIONS: tuple[str, ...] = (".conll", ".conllup", ".bio", ".iob", ".iob2", ".bioes", ".bmes", ".ner")
_DOCUMENT = "-DOCSTART-"
_GLOBAL = re.compile(r"#\s*global\.columns\s*=\s*(.*)")
_PEEK_BYTES = 1 << 16
_LONGEST_SENTENCE = 1000
"""Words of a file's only sentence above which its blank lines are surely missing."""
_SHOWN = {"iob1": "IOB1", "iob2": "IOB2", "bioes": "BIOES/BMES"}

Sentence = list[tuple[int, tuple[str, ...]]]
"""The line and the cells of each word."""


class Spec(core.Spec):
    """How the file is written."""

    encoding: str = "utf-8"
    """Text encoding, as Python names it; a byte order mark is skipped."""
    word: int | str = 1
    """Column of the words: its number, counted from 1 (from the end: -1), or its name."""
    tag: int | str = -1
    """Column of the tags: its number, counted from 1 (from the end: -1), or its name."""
    scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"
    """How tags are written. `auto` takes the scheme that fits best; a named one refuses tags that break it."""
    comment: str = "#"
    """Lines that begin so before the first word of a sentence, and have not as many columns as words, are left out."""


def claims(path: Path) -> bool:
    """Whether this reader is the one for `path`: by its ending, or for .txt and none by tags in the last column."""
    if not path.is_file():
        return False
    if path.suffix.lower() in EXTENSIONS:
        return True
    if path.suffix.lower() not in ("", ".txt"):
        return False
    with path.open("rb") as file:
        whole_lines = file.read(_PEEK_BYTES).rpartition(b"\n")[0]
    lines = whole_lines.decode("utf-8", "replace").splitlines()
    rows = [_cells(line) for line in lines if line.strip(" \t")]
    rows = [cells for cells in rows if cells[0] != _DOCUMENT and not cells[0].startswith("#")]
    return bool(rows) and all(len(cells) > 1 and is_tag(cells[-1]) for cells in rows)


def _cells(line: str) -> tuple[str, ...]:
    # Only the ASCII space separates: a line may well tag an ideographic or a no-break space. Tuples of text cost the
    # garbage collector nothing, which halves the time of a million lines.
    return tuple(line.split("\t") if "\t" in line else filter(None, line.split(" ")))


def sentences(lines: Sequence[str], comment: str) -> tuple[list[Sentence], list[str]]:
    """Group lines into sentences, leaving out comments and document marks.

    Args:
        lines: The file's lines.
        comment: What a comment begins with; empty for none.

    Returns:
        The sentences, and the column names that `# global.columns` gives (empty without it).
    """
    found: list[Sentence] = [[]]
    names: list[str] = []
    width = _width(lines, comment)
    for number, line in enumerate(lines, 1):
        if not line.strip(" \t"):
            found.append([])
        elif named := _GLOBAL.match(line):
            names = named[1].split()
        else:
            cells = _cells(line)
            comments = _is_comment(line, comment) and not found[-1] and len(cells) != width
            if cells[0] != _DOCUMENT and not comments:
                found[-1].append((number, cells))
    return [sentence for sentence in found if sentence], names


def _is_comment(line: str, comment: str) -> bool:
    return bool(comment) and line.startswith(comment)


def _width(lines: Sequence[str], comment: str) -> int:
    """Columns of the first line that is surely a word's."""
    for line in lines:
        cells = _cells(line)
        if line.strip(" \t") and not _is_comment(line, comment) and cells[0] != _DOCUMENT:
            return len(cells)
    return 0


@dataclass(frozen=True)
class ConllReader:
    """Reads CoNLL columns."""

    spec: Spec

    def read(self, path: Path) -> Table:
        """Read a file; the columns are `words`, `tags` and, by name or as `column_2`, the others.

        Raises:
            DataError: The file, a line or a tag of it cannot be read as it is; each fault with its place.
        """
        rows, names = sentences(lines_of(read_text(path, self.spec.encoding)), self.spec.comment)
        if not rows:
            raise DataError(f"{path}: no word in it; a line is a word and its tag, a blank line ends a sentence")
        if len(rows) == 1 and len(rows[0]) > _LONGEST_SENTENCE:
            raise DataError(
                f"{path}:{rows[0][0][0]}: one sentence of {len(rows[0])} words; a blank line must end each sentence"
            )
        width = len(rows[0][0][1])
        refuse(
            [
                f"{path}:{line}: {len(cells)} columns, {width} expected ({' '.join(cells)[:60]!r})"
                for sentence in rows
                for line, cells in sentence
                if len(cells) != width
            ],
            "ragged lines; give each word as many columns as the first",
        )
        labels = self._names(path, names, width)
        columns: dict[str, list[Any]] = {
            label: [[cells[index] for _, cells in sentence] for sentence in rows] for index, label in enumerate(labels)
        }
        said = ""
        if "tags" in columns:
            columns["tags"], said = self._tags(path, rows, columns["tags"], labels.index("tags") + 1)
        else:
            columns["tags"] = [None] * len(rows)
        form = f"CoNLL, {width} column{'s' * (width > 1)}{said}"
        return Table(path, columns, [sentence[0][0] for sentence in rows], form)

    def _names(self, path: Path, names: Sequence[str], width: int) -> list[str]:
        known = list(names) if len(names) == width else [f"column_{number}" for number in range(1, width + 1)]
        word = _index(path, self.spec.word, known, "word")
        known[word] = "words"
        if width > 1:
            tag = _index(path, self.spec.tag, known, "tag")
            if tag == word:
                raise DataError(f"{path}: words and tags cannot both stand in column {word + 1}; name two columns")
            known[tag] = "tags"
        return known

    def _tags(
        self, path: Path, rows: Sequence[Sentence], tags: Sequence[Sequence[str]], column: int
    ) -> tuple[list[list[str]], str]:
        refuse(
            list(_strange_tags(path, rows, tags, column)),
            "words whose tag is neither O nor a prefix and a type, as B-PER; choose its column with --label",
        )
        counts = oddities(tags)
        named = self.spec.scheme
        scheme = min(SCHEMES, key=counts.__getitem__) if named == "auto" else named
        if named != "auto" and counts[named]:
            refuse(
                [
                    f"{path}:{sentence[0][0]}: {' '.join(one)[:100]}"
                    for sentence, one in zip(rows, tags, strict=True)
                    if oddities([one])[scheme]
                ],
                f"sentences with tags that {_SHOWN[scheme]} does not allow; scheme: auto reads them as conlleval does",
            )
        said = f", {_SHOWN[scheme]} tags" + (" read as IOB2" if scheme != "iob2" else "")
        if counts[scheme]:
            said += f" ({counts[scheme]} break the scheme and are read as conlleval reads them)"
        return [to_iob2(one) for one in tags], said


def _index(path: Path, column: int | str, known: Sequence[str], role: str) -> int:
    if column == f"{role}s":
        column = Spec.model_fields[role].default
    if isinstance(column, str) and column in known:
        return known.index(column)
    number = int(column) if re.fullmatch(r"-?\d+", str(column)) else 0
    if not 1 <= abs(number) <= len(known):
        raise DataError(
            f"{path}: no column {column!r} for the {role}s; there are {len(known)}: {', '.join(known)}, "
            "or by number, counted from 1"
        )
    return number - 1 if number > 0 else len(known) + number


def _strange_tags(path: Path, rows: Sequence[Sentence], tags: Sequence[Sequence[str]], column: int) -> Iterator[str]:
    for sentence, one in zip(rows, tags, strict=True):
        for (line, _), tag in zip(sentence, one, strict=True):
            if not is_tag(tag):
                yield f"{path}:{line}:{column}: {tag[:60]!r}"


def build(spec: Spec) -> Reader:
    """The reader."""
    return ConllReader(spec)

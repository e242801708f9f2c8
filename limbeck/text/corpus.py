"""Corpora: raw text of any size as a stream of documents, with all that had to be left out counted and named."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from limbeck.core.errors import DataError, RecipeError
from limbeck.core.files import sha256_remembered
from limbeck.core.shelf import shelf
from limbeck.core.table import SHOWN_ROWS
from limbeck.text.sentences import cut_at_spaces
from limbeck.text.source import told_by_signature

if TYPE_CHECKING:  # what predicts must not wait for pydantic
    from limbeck.core.spec import Spec

MOST_DOCUMENT_CHARACTERS = 100_000
"""A document goes on in another where it has more: so memory is bounded, and no document is too large to hold out."""
_LINES_BEFORE_JUDGED = 10_000
HUB = "hf:"
_COLUMN = "column"


class Document(NamedTuple):
    """A text on its own: what stands before or after it in the corpus has nothing to do with it.

    Attributes:
        paragraphs: None of them blank.
        place: Where it begins, as `file:line`.
    """

    paragraphs: list[str]
    place: str


@dataclass
class Tally:
    """What reading a corpus came across.

    Attributes:
        max_line_chars: A longer paragraph is cut, at spaces; so is one that is longer than a document may be.
        max_broken_fraction: Of all lines, how many may be broken.
        read: Bytes of files that were read, compressed as they are; what is no file is not counted.
        lines: Lines, or rows, that were read, blank ones too.
        broken: Of them, those that were left out.
        shown: The first of these, as `file:line: reason`.
        cut: Paragraphs that were cut.
    """

    max_line_chars: int = MOST_DOCUMENT_CHARACTERS
    max_broken_fraction: float = 0.01
    read: int = 0
    lines: int = 0
    broken: int = 0
    shown: list[str] = field(default_factory=list)
    cut: int = 0
    _last_cut: str = ""

    def leave_out(self, place: str, reason: str) -> None:
        """Count a line that cannot be used.

        Raises:
            DataError: There are too many.
        """
        self.broken += 1
        if len(self.shown) < SHOWN_ROWS:
            self.shown.append(f"{place}: {reason}")
        self._judge(max(self.lines, _LINES_BEFORE_JUDGED))

    def check(self) -> None:
        """Judge what was left out, now that all is read.

        Raises:
            DataError: It is too much.
        """
        self._judge(self.lines)

    def warnings(self) -> list[str]:
        """What people should know of."""
        told = []
        if self.broken:
            told.append(f"{self.broken} of {self.lines} lines are broken and left out: {self._examples()}")
        if self.cut:
            told.append(f"{self.cut} lines are longer than {self._longest} characters and were cut at spaces")
        return told

    def paragraphs(self, text: str, place: str) -> Iterator[str]:
        """The lines of a text that are not blank, each cut where it is too long; none where it cannot be used."""
        if fault := fault_of(text):
            self.leave_out(place, fault)
            return
        for line in text.splitlines():
            if plain := line.strip():
                if len(plain) > self._longest and place != self._last_cut:
                    self.cut += 1
                    self._last_cut = place
                yield from cut_at_spaces(plain, self._longest)

    @property
    def _longest(self) -> int:
        return min(self.max_line_chars, MOST_DOCUMENT_CHARACTERS)

    def _judge(self, lines: int) -> None:
        if self.broken > self.max_broken_fraction * lines:
            raise DataError(
                f"{self.broken} of {self.lines} lines are broken, more than the {self.max_broken_fraction:.1%} of "
                "max_broken_fraction; mend them, give their format (tokenize --format), or allow more:\n"
                + "\n".join(self.shown)
            )

    def _examples(self) -> str:
        rest = self.broken - len(self.shown)
        return "; ".join(self.shown) + (f"; … and {rest} more" if rest else "")


def fault_of(text: str) -> str:
    r"""Why a text cannot be used; empty if it can.

    >>> fault_of("a\0b"), fault_of("\ud800"), fault_of("a\tb")
    ('character 2 is NUL', 'character 1 is half of a surrogate pair', '')
    """
    if (at := text.find("\0")) >= 0:
        return f"character {at + 1} is NUL"
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        return f"character {error.start + 1} is half of a surrogate pair"
    return ""


@runtime_checkable
class CorpusFormat(Protocol):
    """A form of raw text, configured. Every file of the corpora shelf has a `build(spec)` that returns one."""

    def documents(self, reference: str, tally: Tally) -> Iterator[Document]:
        """The documents of a file, or of what else a reference means, at flat memory.

        Raises:
            DataError: It cannot be read; says what was found and what to do.
        """


@dataclass(frozen=True)
class RawCorpus:
    """A corpus, found and understood, not yet read.

    Attributes:
        reference: As it was given.
        parts: References of the files in it, each with the Spec of its format.
        unused: Files of a folder that are of no known format.
    """

    reference: str
    parts: Sequence[tuple[str, "Spec"]]
    unused: Sequence[str] = ()

    @property
    def total(self) -> int:
        """Bytes of all its files; 0 where that is not known."""
        return sum(Path(part).stat().st_size for part, _ in self.parts if not part.startswith(HUB))

    def hashes(self) -> dict[str, str]:
        """Name → sha256 of each file, or what names the state of what is no file."""
        found: dict[str, str] = {}
        for part, spec in self.parts:
            named = getattr(shelf("corpora").load(spec.kind), "revision", None)
            name = part if named else _name(self.reference, part)
            found[name] = named(part) if named else sha256_remembered(Path(part))
        return found

    def documents(self, tally: Tally) -> Iterator[Document]:
        """All documents in order, none of them blank, each of bounded size.

        Raises:
            DataError: A file cannot be read, too much is broken, or there is no text at all.
        """
        some = False
        for part, spec in self.parts:
            source: CorpusFormat = shelf("corpora").build(spec)
            for document in source.documents(part, tally):
                for paragraphs in bounded(document.paragraphs):
                    some = True
                    yield Document(paragraphs, document.place)
        tally.check()
        if not some:
            raise DataError(f"{self.reference}: there is no text in it; give a corpus with a paragraph a line")


def open_corpus(reference: str, form: "Spec | None", column: str) -> RawCorpus:
    """Find the files of a corpus.

    Args:
        reference: A file, a folder, or `hf:org/name[@revision][:split]`.
        form: How they are written; None to go by their names.
        column: Of those files that have columns, the one of the text; empty for that of their format.

    Raises:
        DataError: There is no such file, or none of a known format.
        RecipeError: None of the formats has columns.
    """
    path = Path(reference).expanduser()
    if reference.startswith(HUB):
        places = [reference]
    elif path.is_dir():
        places = [str(p) for p in sorted(path.rglob("*")) if p.is_file() and not _hidden(p.relative_to(path))]
    elif path.is_file():
        places = [str(path)]
    else:
        raise DataError(f"{path}: no such file or folder; give a corpus that exists, or hf:org/name")
    claimed = {place: form or _claimant(place) for place in places}
    parts = [(place, spec) for place, spec in claimed.items() if spec is not None]
    if not parts:
        raise DataError(_unclaimed(path))
    return RawCorpus(
        reference,
        _with_column(parts, column),
        [_name(reference, place) for place, spec in claimed.items() if spec is None],
    )


def chunks(documents: Iterable[Document], characters: int) -> Iterator[list[list[str]]]:
    """The paragraphs of documents in lists of so many characters, or a little more."""
    found: list[list[str]] = []
    size = 0
    for document in documents:
        found.append(document.paragraphs)
        size += sum(map(len, document.paragraphs))
        if size >= characters:
            yield found
            found, size = [], 0
    if found:
        yield found


def bounded(paragraphs: Iterable[str], most: int = MOST_DOCUMENT_CHARACTERS) -> Iterator[list[str]]:
    """The paragraphs of a document, in as many lists as its size asks for, none of them empty.

    >>> list(bounded(["to be", "or", "not"], 7)), list(bounded([]))
    ([['to be', 'or'], ['not']], [])
    """
    part: list[str] = []
    size = 0
    for paragraph in paragraphs:
        if part and size + len(paragraph) > most:
            yield part
            part, size = [], 0
        part.append(paragraph)
        size += len(paragraph)
    if part:
        yield part


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _name(reference: str, part: str) -> str:
    root = Path(reference).expanduser()
    return Path(part).relative_to(root).as_posix() if root.is_dir() else Path(part).name


def _claimant(reference: str) -> "Spec | None":
    forms = shelf("corpora")
    found = next((name for name in forms.names() if forms.load(name).claims(reference)), None)
    return None if found is None else forms.parse(found, _COLUMN)


def _with_column(parts: list[tuple[str, "Spec"]], column: str) -> list[tuple[str, "Spec"]]:
    """The same, with the column set in those formats that have some."""
    if not column:
        return parts
    if not any(_COLUMN in type(spec).model_fields for _, spec in parts):
        formats = ", ".join(sorted({spec.kind for _, spec in parts}))
        raise RecipeError(f"column: {column!r} is given, but a corpus of format {formats} has no columns; leave it out")
    chosen = {_COLUMN: column}
    return [(p, s.model_copy(update=chosen) if _COLUMN in type(s).model_fields else s) for p, s in parts]


def _unclaimed(path: Path) -> str:
    forms = shelf("corpora")
    endings = " ".join(ending for name in forms.names() for ending in forms.load(name).EXTENSIONS)
    told = ""
    if path.is_file():
        with path.open("rb") as file:
            told = told_by_signature(file.read(16))
    known = f"there are {endings}, text and JSON lines also compressed (.gz .xz .zst); or say it with tokenize --format"
    found = f"{told} (" if told else "no file of a known format ("
    return f"{path}: {found}{known}: {', '.join(forms.names())})"

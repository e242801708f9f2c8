"""The embedded data set of `limbeck demo`: which library is a sentence about?

The sentences are the prose of docstrings in eight installed libraries, whose files are parsed and never imported.
Names that give the answer away are masked; a sentence that stands in two libraries has no answer and is left out.
All sentences of one docstring go to one split, and sentences that differ in names or numbers alone count once.
"""

import ast
import csv
import importlib.util
import io
import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck.core.errors import DataError
from limbeck.core.files import write_text
from limbeck.core.shelf import missing_extra

LIBRARIES: Mapping[str, str] = {
    "networkx": "networkx",
    "numpy": "numpy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "sympy": "sympy",
    "torch": "torch",
    "transformers": "transformers",
}
"""Label → package that is read. `limbeck[train]` brings every one of them."""
MASK = "library"
"""What stands in a sentence where a library was named; one token of any BERT vocabulary."""

_HELD_OUT = 0.1
_SENTENCES_PER_FILE = 60
_SURPLUS = 2.0
"""Sentences read for each one wanted: up to a third of them are duplicates."""
_MIN_WORDS, _MAX_WORDS = 8, 60
_LETTERS = 0.85
"""Least share of letters and spaces in prose."""
_SKIPPED_FOLDERS = frozenset({"tests", "test", "testing", "_vendor", "externals", "extern"})
_SKIPPED_SECTIONS = frozenset(
    {"attributes", "examples", "methods", "other parameters", "parameters", "raises", "references", "returns"}
    | {"see also", "warns", "yields"}
)

_NAMED = re.compile(
    r"[\w./~@-]*(?:numpy|scipy|scikit|sklearn|pandas|torch|sympy|networkx|transformers|hugging ?face|🤗)"
    r"[\w/-]*(?:\.\w+)*"  # the rest of a dotted path or of a compound
    r"|(?-i:-?\b(?:np|pd|nx|plt)\b(?:\.\w+)*)",  # aliases; NP-hard is none
    re.IGNORECASE,
)
_REPEATED_MASK = re.compile(rf"\b{MASK}(?:\W+{MASK}\b)+")
_ROLE = re.compile(r":[\w:+-]+:(?=`)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)|(?<!`)`([^`<]+?)\s+<[^>]*>`_{0,2}")
_MARKUP = re.compile(r"`+_*|\*+|\$|~\.?")
_HEADING = re.compile(r"(?P<title>[^\n]+)\n[-=~]{3,} *(?:\n|$)")
_NO_PROSE = re.compile(r"^(?:\s+\S|>>>|[-*+|#@] |\d+[.)] |\.\. |:\w|[-=~^+|]{3,})|::$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!cf\.)(?<!vs\.)\s+(?=[A-Z])")
_CODE = re.compile(r"[\\{}\[\]<>=|@]|[_^]{2}|https?:|www\.|::|\.\.\.| [.,]")
_PLAIN_WORD = re.compile(r"\b[a-z]+\b")

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Sentence:
    text: str
    label: str
    source: str
    """File and number of the docstring."""

    @property
    def key(self) -> str:
        """Its plain words: equal for sentences that differ in names or numbers alone."""
        return " ".join(_PLAIN_WORD.findall(self.text))


def write_demo(folder: Path, rows: int = 10_000, seed: int = 0) -> tuple[Path, Path, Path]:
    """Write `train.csv`, `dev.csv` and `test.csv` with the columns `text` and `label`, classes balanced.

    Args:
        folder: Where to write; made if it is absent.
        rows: Sentences in all, ≥ 80: eight tenths to train on, a tenth each for dev and test.
        seed: Decides which files are read and to which split each docstring goes.

    Returns:
        The three paths, in that order.

    Raises:
        ShelfError: A library is not installed; says which.
        DataError: `rows` is too small, or more than the libraries have.
    """
    per_class = rows // len(LIBRARIES)
    held_out = round(per_class * _HELD_OUT)
    if held_out < 1:
        raise DataError(f"demo: {rows} rows are too few for {len(LIBRARIES)} classes; give --rows 80 or more")
    wanted = {"test": held_out, "dev": held_out, "train": per_class - 2 * held_out}
    found = {label: _read(label, package, round(per_class * _SURPLUS), seed) for label, package in LIBRARIES.items()}
    splits = [_split(part, wanted, label, seed) for label, part in _without_duplicates(found).items()]
    train, dev, test = (folder / f"{name}.csv" for name in ("train", "dev", "test"))
    for path in (train, dev, test):
        _write(path, [sentence for split in splits for sentence in split[path.stem]], seed)
    return train, dev, test


def _read(label: str, package: str, count: int, seed: int) -> list[_Sentence]:
    """At least `count` sentences of a library if it has them, file by file in an order that the seed decides."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(package, "the demo's data set")
    root = Path(spec.submodule_search_locations[0])
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.py"))
    names = [name for name in names if _SKIPPED_FOLDERS.isdisjoint(name.split("/"))]
    random.Random(f"{seed} {label}").shuffle(names)
    found: list[_Sentence] = []
    for name in names:
        if len(found) >= count:
            break
        texts = docstrings((root / name).read_text(encoding="utf-8", errors="replace"))
        pairs = [(f"{name}:{number}", s) for number, text in enumerate(texts) for s in sentences(text)]
        found += [_Sentence(sentence, label, source) for source, sentence in pairs[:_SENTENCES_PER_FILE]]
    return found


def docstrings(source: str) -> Iterator[str]:
    """The docstrings of a Python source: its own and those of its public classes and functions, in their order."""
    with warnings.catch_warnings(action="ignore"):  # outdated escapes in other people's strings
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
    yield from _docstrings(tree)


def _docstrings(node: _Documented) -> Iterator[str]:
    yield ast.get_docstring(node) or ""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield from _docstrings(child)


def sentences(docstring: str) -> Iterator[str]:
    """The masked prose sentences of a docstring.

    >>> list(sentences("Draw all edges of a graph with NumPy arrays. See `np.dot`."))
    ['Draw all edges of a graph with library arrays.']
    """
    for paragraph in _prose(docstring):
        yield from filter(_is_sentence, _SENTENCE_END.split(mask(paragraph)))


def _prose(docstring: str) -> Iterator[str]:
    """Paragraphs of running text: no tables of parameters, no examples, no lists, nothing indented."""
    skipping = False
    for block in re.split(r"\n\s*\n", docstring):
        body = block
        if heading := _HEADING.match(block):
            skipping = heading["title"].strip().lower() in _SKIPPED_SECTIONS
            body = block[heading.end() :]
        if body and not skipping and not _NO_PROSE.search(body):
            yield " ".join(body.split())


def mask(text: str) -> str:
    """Take the markup off and put a neutral word where a library is named, by name, alias or dotted path.

    >>> mask("Like :func:`numpy.dot` of PyTorch, or ``pd.concat``.")
    'Like library of library, or library.'
    """
    plain = _MARKUP.sub("", _LINK.sub(r"\1\2", _ROLE.sub("", text)))
    return _REPEATED_MASK.sub(MASK, _NAMED.sub(MASK, plain))


def _is_sentence(text: str) -> bool:
    if not text.endswith((".", "!", "?")) or not text[0].isupper() or _CODE.search(text):
        return False
    letters = sum(c.isalpha() or c == " " for c in text)
    return _MIN_WORDS <= len(text.split()) <= _MAX_WORDS and letters >= _LETTERS * len(text)


def _without_duplicates(found: Mapping[str, Sequence[_Sentence]]) -> dict[str, list[_Sentence]]:
    """Keep the first of equal sentences, and none of those that stand in more than one library."""
    first = {label: {s.key: s for s in reversed(part)} for label, part in found.items()}
    owners = Counter(key for part in first.values() for key in part)
    return {label: [s for key, s in part.items() if owners[key] == 1] for label, part in first.items()}


def _split(found: Sequence[_Sentence], wanted: Mapping[str, int], label: str, seed: int) -> dict[str, list[_Sentence]]:
    """Fill the splits in their order with whole docstrings; what a split has no room for is left out."""
    by_source: dict[str, list[_Sentence]] = {}
    for sentence in found:
        by_source.setdefault(sentence.source, []).append(sentence)
    waiting = sorted(by_source)
    random.Random(f"{seed} {label}").shuffle(waiting)
    splits: dict[str, list[_Sentence]] = {}
    for name, size in wanted.items():
        part: list[_Sentence] = []
        while waiting and len(part) < size:
            part += by_source[waiting.pop()]
        splits[name] = part[:size]
    if missing := sum(wanted.values()) - sum(map(len, splits.values())):
        raise DataError(f"demo: {label} is {missing} sentences short of {sum(wanted.values())}; lower --rows")
    return splits


def _write(path: Path, part: list[_Sentence], seed: int) -> None:
    random.Random(f"{seed} {path.stem}").shuffle(part)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("text", "label"))
    writer.writerows((s.text, s.label) for s in part)
    write_text(path, text.getvalue())

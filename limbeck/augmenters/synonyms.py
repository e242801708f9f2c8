r"""Replace words by synonyms from a file of yours (Zhang et al. 2015, arXiv:1509.01626, §2.4; EDA, arXiv:1901.11196).

Each line of the file is `word<TAB>synonym`; several lines may begin with the same word. Case is not compared, and a
synonym takes the capitals of the word that it replaces. Stop words are replaced too if the file has them.

Reads the file. Costs next to nothing. The papers take WordNet, which is English alone; a file may be in any language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from limbeck.core.errors import DataError
from limbeck.core.files import sha256_file
from limbeck.core.spec import Spec as CoreSpec
from limbeck.core.table import refuse
from limbeck.text.port import Augmenter, Draw
from limbeck.text.replacement import replaced
from limbeck.text.sentence import Sentence
from limbeck.text.source import read_text


class Spec(CoreSpec):
    """Synonyms from a file."""

    file: str
    """Path of the file; each line is `word<TAB>synonym`."""
    encoding: str = "utf-8"
    """Text encoding of the file, as Python names it."""
    probability: float = Field(0.4, gt=0, le=1)
    """Share of the words in the file that are replaced where they stand; TinyBERT has 0.4. EDA replaces one word in ten
    of all."""


@dataclass
class Synonyms:
    """Replacement by synonyms."""

    spec: Spec
    synonyms: Mapping[str, Sequence[str]]
    title: str

    def plan(self, sentence: Sentence) -> Draw:
        """Look up every word."""
        found = {i: self.synonyms.get(word.casefold(), ()) for i, word in enumerate(sentence.words)}
        candidates = {i: words for i, words in found.items() if words}
        return lambda random: replaced(sentence.words, candidates, self.spec.probability, random)


def read_pairs(text: str, place: str) -> dict[str, list[str]]:
    r"""Word, case-folded → its synonyms, each once. Blank lines are left out.

    Args:
        text: The file's text.
        place: The file's name, for messages.

    Raises:
        DataError: A line is no pair; each is named.

    >>> read_pairs("film\tmovie\n\nFilm\tpicture\nfilm\tmovie\n", "s.tsv")
    {'film': ['movie', 'picture']}
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    refuse(
        [f"{place}:{number}: {reason}" for number, line in lines if (reason := _fault(line))],
        "lines of synonyms that cannot be used; write word<TAB>synonym",
    )
    found: dict[str, list[str]] = {}
    for _, line in lines:
        word, synonym = (cell.strip() for cell in line.split("\t"))
        others = found.setdefault(word.casefold(), [])
        if synonym not in others:
            others.append(synonym)
    return found


def _fault(line: str) -> str:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 2:
        return f"{len(cells)} cells between TABs, 2 expected"
    word, synonym = cells
    if not word or not synonym:
        return f"the {'synonym' if word else 'word'} is blank"
    if len(word.split()) > 1:
        return f"{word!r} is more than one word, and words are looked up one at a time"
    return f"{word!r} is given as its own synonym" if word.casefold() == synonym.casefold() else ""


def outside(spec: Spec) -> dict[str, str]:
    """Hash of the file.

    Raises:
        DataError: There is none.
    """
    path = Path(spec.file).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: no such file of synonyms; give the path of one with augmenter.file")
    return {"synonyms": sha256_file(path)}


def build(spec: Spec, teacher: Path | None) -> Augmenter:
    """The augmenter.

    Args:
        spec: Its fields.
        teacher: Not read.
    """
    path = Path(spec.file).expanduser()
    return Synonyms(
        spec, read_pairs(read_text(path, spec.encoding, "augmenter.encoding"), str(path)), f"synonyms from {path.name}"
    )

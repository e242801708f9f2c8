"""A tag for each word, which together spell entities (Tjong Kim Sang and De Meulder 2003, cs/0306050).

A linear layer over the first sub-word of each word (Devlin et al. 2019, arXiv:1810.04805, §5.3). Reads a column of
lists of words and a column of lists of tags, in any scheme of `limbeck.text.tags`; labels are IOB2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from limbeck.core.errors import DataError
from limbeck.core.predictions import Answer
from limbeck.core.record import Record
from limbeck.core.table import Table, refuse
from limbeck.text.columns import named, of_lists, wanted_column
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.port import Example, Task
from limbeck.text.tags import entities, is_tag, to_iob2
from limbeck.text.wordlist import Unit, WordList

CLASS = "entity type"
"""What a class of this task is called."""
_WORDS = ("words", "tokens", "text", "characters", "chars", "sentence")
_TAGS = ("tags", "ner_tags", "ner", "labels", "label", "entities", "iob", "bio")
_SAMPLE_ROWS = 2000
_SHARE_CHARACTERS = 0.95


@dataclass(frozen=True)
class Spec(Record):
    """Which columns are what, and what a word is."""

    text: str = "words"
    """Column of the words, a list in each row."""
    label: str = "tags"
    """Column of the tags, a list as long in each row."""
    words: Unit = "spaces"
    """How raw text is split when predicting: at spaces and punctuation, or into characters, as training words are."""


def detect(table: Table, wanted: Mapping[str, str | None]) -> Spec | None:
    """Which columns this task would read, or None if the table is not for it.

    Flags overrule; else columns of lists are known by their names, or by being the only one with tags, and the only
    other one.

    Args:
        table: The rows to train on.
        wanted: `text` and `label` → column that a flag names.

    Raises:
        DataError: A flag names a column that there is not.
    """
    words, tags = (wanted_column(table, wanted, role) for role in ("text", "label"))
    lists = of_lists(table)
    if tags is None:
        free = [name for name in lists if name != words]
        tags = _first(named(table, _TAGS, free), [name for name in free if _holds_tags(table.columns[name])])
    if words is None:
        free = [name for name in lists if name != tags]
        words = _first(named(table, _WORDS, free), free)
    if words not in lists or tags not in lists or words == tags:
        return None
    return Spec(text=words, label=tags, words=_unit(table.columns[words]))


def _first(by_name: Sequence[str], by_content: Sequence[str]) -> str | None:
    return by_name[0] if by_name else by_content[0] if len(by_content) == 1 else None


def _holds_tags(values: Sequence[list[str] | None]) -> bool:
    return all(is_tag(tag) for tags in values[:_SAMPLE_ROWS] for tag in tags or ())


def _unit(sentences: Sequence[list[str] | None]) -> Unit:
    words = [word for sentence in sentences[:_SAMPLE_ROWS] for word in sentence or ()]
    single = sum(len(word) == 1 for word in words)
    return "characters" if words and single >= _SHARE_CHARACTERS * len(words) else "spaces"


def examples(table: Table, spec: Spec) -> list[Example]:
    """The rows, understood; tags become IOB2, absent ones None.

    Raises:
        DataError: There is no such column, a row has no words, not as many tags as words, or a tag that is none.
    """
    words = table.column(spec.text, "text")
    tags = table.column(spec.label, "label")
    refuse(
        [f"{table.place(row, spec.text)}: {why}" for row, one in enumerate(words) if (why := _wordless(one))],
        f"rows without words in column {spec.text!r}; give each row a list of words or leave the row out",
    )
    refuse(
        [
            f"{table.place(row, spec.label)}: {why}"
            for row, (one, its) in enumerate(zip(words, tags, strict=True))
            if its is not None and (why := _untagged(one, its))
        ],
        f"rows whose tags in column {spec.label!r} do not fit",
    )
    return [
        Example(list(one), None, None if its is None else to_iob2(its)) for one, its in zip(words, tags, strict=True)
    ]


def _wordless(words: Any) -> str:
    if not isinstance(words, list):
        return "blank" if words is None else "a text, not a list of words"
    if not words:
        return "an empty list"
    return f"word {words.index('') + 1} is empty" if "" in words else ""


def _untagged(words: Sequence[str], tags: Any) -> str:
    if not isinstance(tags, list):
        return "a text, not a list of tags"
    if len(tags) != len(words):
        return f"{len(tags)} tags for {len(words)} words"
    strange = next((tag for tag in tags if not is_tag(tag)), None)
    if strange is None:
        return ""
    hint = "; give the names of the tags, not their numbers" if strange.isdecimal() else ""
    return f"{strange!r} is neither O nor a prefix and a type, as B-PER{hint}"


def classes(example: Example) -> list[str]:
    """The classes that an example speaks of: the type of each of its entities."""
    return [entity.type for entity in entities(example.target or ())]


def label_names(rows: Sequence[Example]) -> tuple[str, ...]:
    """Tag names in the order of the logits: O, then B- and I- of each type, sorted.

    >>> label_names([Example(["in", "Oslo"], target=["O", "B-LOC"])])
    ('O', 'B-LOC', 'I-LOC')
    """
    types = sorted({tag[2:] for e in rows for tag in e.target or () if tag != "O"})
    return ("O", *(prefix + kind for kind in types for prefix in ("B-", "I-")))


def sole(rows: Sequence[Example]) -> str:
    """The only tag that there is; empty where there are several to tell apart."""
    first, *others = label_names(rows)
    return "" if others else first


def strata(rows: Sequence[Example]) -> list[str | None]:
    """What splits hold the same share of: sentences with tags, which have no one class."""
    return [None if e.target is None else "" for e in rows]


@dataclass
class TokenClassification:
    """The task with its labels."""

    spec: Spec
    labels: tuple[str, ...]

    answer: ClassVar[Answer] = "class"
    primary: ClassVar[str] = "entity_f1"
    metrics: ClassVar[tuple[str, ...]] = ("entity_f1", "entity_precision", "entity_recall", "accuracy")
    head: ClassVar[str] = "AutoModelForTokenClassification"
    per_word: ClassVar[bool] = True

    def encode(self, examples: Sequence[Example], encoder: Encoder) -> list[list[Encoded]]:
        """As many overlapping windows as each sentence needs."""
        return encoder.words([e.text for e in examples])

    def targets(self, example: Example) -> list[int]:
        """Index of each word's tag, -1 where there is none.

        Raises:
            DataError: A tag is none of the task's.
        """
        if example.target is None:
            return [-1] * len(example.text)
        index = {name: i for i, name in enumerate(self.labels)}
        if strange := [tag for tag in example.target if tag not in index]:
            raise DataError(f"tag {strange[0]!r}: not one of this model's, {', '.join(self.labels)}")
        return [index[tag] for tag in example.target]

    def parse(self, texts: Sequence[Any]) -> list[Example]:
        """Raw texts, which are split as the training words were, or lists of words.

        Raises:
            DataError: An input has another form.
        """
        return [Example(self._words(text, f"input {number}")) for number, text in enumerate(texts, 1)]

    def _words(self, text: Any, place: str) -> WordList:
        if isinstance(text, str):
            return WordList.read(text, self.spec.words)
        if isinstance(text, list | tuple) and all(isinstance(word, str) for word in text):
            return WordList.of(text)
        raise DataError(f"{place}: a text or a list of words is needed, found {type(text).__name__}")

    def respond(self, text: Any, example: Example, probabilities: np.ndarray) -> dict[str, Any]:
        """`entities`: each with `type`, `start`, `end`, `text` and `probability`.

        Positions count Python characters of the text, or of `" ".join(words)`. Tags that break the scheme are read as
        `conlleval` reads them; a probability is the mean of those of the entity's tags.
        """
        whole, words = text if isinstance(text, str) else " ".join(text), example.text
        best = probabilities.argmax(axis=1)
        found = []
        for kind, first, last in entities([self.labels[i] for i in best.tolist()]):
            start, end = int(words.starts[first]), int(words.ends[last - 1])
            sure = float(probabilities[range(first, last), best[first:last]].mean())
            found.append({"type": kind, "start": start, "end": end, "text": whole[start:end], "probability": sure})
        return {"entities": found}


def build(spec: Spec, labels: Sequence[str]) -> Task:
    """The task."""
    return TokenClassification(spec, tuple(labels))

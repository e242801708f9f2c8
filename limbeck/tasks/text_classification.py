"""One label for a text or a pair of texts, by a linear layer over [CLS] (Devlin et al. 2019, arXiv:1810.04805, §4.1).

Reads a column of texts, perhaps a second one, and a column of labels, of which there are at least two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from limbeck.core.errors import DataError
from limbeck.core.record import Record
from limbeck.core.table import Table, refuse
from limbeck.text.columns import longest, look_like_labels, named, of_text, wanted_column
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.port import Example, Task

CLASS = "label"
"""What a class of this task is called."""
_TEXTS = (
    *("text", "sentence", "review", "content", "comment", "body", "message", "document", "tweet", "post", "utterance"),
    *("question", "query", "passage", "paragraph", "description", "abstract", "headline", "title"),
)
_PAIRS = (
    *(("sentence1", "sentence2"), ("sentence_1", "sentence_2"), ("sentence_a", "sentence_b")),
    *(("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"), ("premise", "hypothesis")),
    *(("question1", "question2"), ("question_1", "question_2"), ("question", "sentence"), ("query", "passage")),
    *(("text", "pair"), ("text", "text_pair")),
)
_LABELS = (
    *(
        "label",
        "labels",
        "label_text",
        "label_name",
        "gold_label",
        "class",
        "category",
        "sentiment",
        "target",
        "intent",
    ),
    *("topic", "polarity", "stance", "emotion", "relation", "is_duplicate"),
)


@dataclass(frozen=True)
class Spec(Record):
    """Which columns are what."""

    text: str = "text"
    """Column of the (first) text."""
    pair: str = ""
    """Column of the second text of a pair; empty for single texts."""
    label: str = "label"
    """Column of the labels."""


def detect(table: Table, wanted: Mapping[str, str | None]) -> Spec | None:
    """Which columns this task would read, or None if the table is not for it.

    Flags overrule. A label column is known by its name, or by being the only one with few short values that repeat. A
    pair is known by its names only. Of several columns that could be the text, the one with the longest texts is taken.

    Args:
        table: The rows to train on.
        wanted: `text`, `pair` and `label` → column that a flag names.

    Raises:
        DataError: A flag names a column that there is not.
    """
    text, pair, label = (wanted_column(table, wanted, role) for role in ("text", "pair", "label"))
    columns = [name for name in of_text(table) if name not in (text, pair)]
    label = label or _find_label(table, columns)
    columns = [name for name in columns if name != label]
    if text is None and pair is None:
        text, pair = next(_pairs(table, columns), (None, None))
    if text is None and (among := named(table, _TEXTS, columns) or columns):
        text = longest(table, among)
    if label is None or text is None or not {label, text, pair or text} <= set(of_text(table)) or label in (text, pair):
        return None
    return Spec(text=text, pair=pair or "", label=label)


def _find_label(table: Table, columns: Sequence[str]) -> str | None:
    if by_name := named(table, _LABELS, columns):
        return by_name[0]
    by_content = look_like_labels(table, columns)
    return by_content[0] if len(by_content) == 1 else None


def _pairs(table: Table, columns: Sequence[str]) -> Any:
    return ((found[0], found[1]) for names in _PAIRS if len(found := named(table, names, columns)) == 2)


def examples(table: Table, spec: Spec) -> list[Example]:
    """The rows, understood; a blank label is None.

    Raises:
        DataError: There is no such column, or a text is blank.
    """
    texts = table.column(spec.text, "text")
    pairs = table.column(spec.pair, "pair") if spec.pair else [None] * len(table)
    labels = table.column(spec.label, "label")
    for name, values in ((spec.text, texts), (spec.pair, pairs), (spec.label, labels)):
        if name:
            refuse(
                [
                    f"{table.place(row, name)}: {'blank' if value is None else 'a list'}"
                    for row, value in enumerate(values)
                    if isinstance(value, list) or (value is None and name != spec.label)
                ],
                f"rows without a text in column {name!r}; give each row one or leave the row out",
            )
    return [
        Example(text, pair, label and label.strip()) for text, pair, label in zip(texts, pairs, labels, strict=True)
    ]


def classes(example: Example) -> list[str]:
    """The classes that an example speaks of: its label, if it has one."""
    return [] if example.target is None else [example.target]


def label_names(rows: Sequence[Example]) -> tuple[str, ...]:
    """Label names in the order of the logits: by number if all are integers, else by name.

    >>> label_names([Example("a", target="10"), Example("b", target="9"), Example("c")])
    ('9', '10')
    """
    names = {e.target for e in rows if e.target is not None}
    if all(name.removeprefix("-").isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


@dataclass
class TextClassification:
    """The task with its labels."""

    spec: Spec
    labels: tuple[str, ...]

    primary: ClassVar[str] = "accuracy"
    metrics: ClassVar[tuple[str, ...]] = (
        *("accuracy", "macro_f1", "micro_f1", "macro_precision", "macro_recall", "mcc"),
        *("roc_auc", "log_loss", "ece"),
    )
    head: ClassVar[str] = "AutoModelForSequenceClassification"
    per_word: ClassVar[bool] = False

    def encode(self, examples: Sequence[Example], encoder: Encoder) -> list[list[Encoded]]:
        """One window for each example."""
        encoded = encoder.texts([e.text for e in examples], [e.pair for e in examples])
        return [[one] for one in encoded]

    def targets(self, example: Example) -> list[int]:
        """Index of the label, -1 where there is none.

        Raises:
            DataError: The label is none of the task's.
        """
        if example.target is None:
            return [-1]
        if example.target not in self.labels:
            raise DataError(f"label {example.target!r}: not one of this model's, {', '.join(self.labels)}")
        return [self.labels.index(example.target)]

    def parse(self, texts: Sequence[Any]) -> list[Example]:
        """Texts; of a pair task `(text, pair)` or `{"text": …, "pair": …}`.

        Raises:
            DataError: An input has another form.
        """
        return [self._parse(number, text) for number, text in enumerate(texts, 1)]

    def _parse(self, number: int, text: Any) -> Example:
        if not self.spec.pair:
            if isinstance(text, str):
                return Example(text)
            raise DataError(f"input {number}: a text is needed, found {type(text).__name__}")
        parts = [text.get("text"), text.get("pair")] if isinstance(text, Mapping) else text
        if isinstance(parts, list | tuple) and len(parts) == 2 and all(isinstance(part, str) for part in parts):
            return Example(parts[0], parts[1])
        raise DataError(
            f'input {number}: this model reads pairs; give (text, pair) or {{"text": …, "pair": …}}, '
            f"found {type(text).__name__}"
        )

    def respond(self, text: Any, example: Example, probabilities: np.ndarray) -> dict[str, Any]:
        """`label`, its `probability`, and the `probabilities` of all labels, the most probable first."""
        row = [float(p) for p in probabilities[0]]
        ranked = sorted(zip(self.labels, row, strict=True), key=lambda item: -item[1])
        return {"label": ranked[0][0], "probability": ranked[0][1], "probabilities": dict(ranked)}


def build(spec: Spec, labels: Sequence[str]) -> Task:
    """The task."""
    return TextClassification(spec, tuple(labels))

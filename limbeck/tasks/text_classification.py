"""One label for a text or a pair of texts, by a linear layer over [CLS] (Devlin et al. 2019, arXiv:1810.04805, §4.1).

Reads a column of texts, perhaps a second one, and a column of labels, of which there are at least two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from limbeck.core.errors import DataError
from limbeck.core.predictions import Answer
from limbeck.core.record import Record
from limbeck.core.table import Table, refuse
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.inputs import input_columns, parse_inputs, read_inputs
from limbeck.text.port import Example, Task

CLASS = "label"
"""What a class of this task is called."""


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
    """Which columns this task would read, or None if the table is not for it: see `input_columns`.

    Args:
        table: The rows to train on.
        wanted: `text`, `pair` and `label` → column that a flag names; `task` → the task.

    Raises:
        DataError: A flag names a column that there is not.
    """
    found = input_columns(table, wanted, "text_classification", "class")
    return Spec(*found) if found else None


def examples(table: Table, spec: Spec) -> list[Example]:
    """The rows, understood; a blank label is None.

    Raises:
        DataError: There is no such column, a text is blank, or a label is a list.
    """
    labels = table.column(spec.label, "label")
    refuse(
        [f"{table.place(row, spec.label)}: a list" for row, value in enumerate(labels) if isinstance(value, list)],
        f"rows with several labels in column {spec.label!r}; give each row one, or take --task multi_label",
    )
    rows = zip(read_inputs(table, spec.text, spec.pair), labels, strict=True)
    return [Example(*texts, label and label.strip()) for texts, label in rows]


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


def sole(rows: Sequence[Example]) -> str:
    """The only label that there is; empty where there are several to tell apart."""
    first, *others = label_names(rows)
    return "" if others else first


def strata(rows: Sequence[Example]) -> list[str | None]:
    """What splits hold the same share of: each label."""
    return [e.target for e in rows]


@dataclass
class TextClassification:
    """The task with its labels."""

    spec: Spec
    labels: tuple[str, ...]

    answer: ClassVar[Answer] = "class"
    primary: ClassVar[str] = "accuracy"
    head: ClassVar[str] = "AutoModelForSequenceClassification"
    per_word: ClassVar[bool] = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """Of two labels the second is the positive one, whose F1 is measured too."""
        own = ("f1",) if len(self.labels) == 2 else ()
        averages = ("macro_f1", "micro_f1", "macro_precision", "macro_recall")
        return ("accuracy", *own, *averages, "mcc", "roc_auc", "log_loss", "ece")

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
        return parse_inputs(texts, paired=bool(self.spec.pair))

    def respond(self, text: Any, example: Example, probabilities: np.ndarray) -> dict[str, Any]:
        """`label`, its `probability`, and the `probabilities` of all labels, the most probable first."""
        row = [float(p) for p in probabilities[0]]
        ranked = sorted(zip(self.labels, row, strict=True), key=lambda item: -item[1])
        return {"label": ranked[0][0], "probability": ranked[0][1], "probabilities": dict(ranked)}


def build(spec: Spec, labels: Sequence[str]) -> Task:
    """The task."""
    return TextClassification(spec, tuple(labels))

"""Any number of labels for a text or a pair of texts, each by its own logit (Nam et al. 2013, arXiv:1312.5419).

Reads a column of texts, perhaps a second one, and a column of labels: lists, or texts like `drama|comedy`. A row whose
list is empty (`[]`) has no label that holds; a row whose cell is blank is unlabelled. A label is answered where its
probability, sigmoid of its logit, is at least one half. Stock heads with `problem_type: multi_label_classification` are
such models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from limbeck.core.errors import DataError
from limbeck.core.predictions import THRESHOLD, Answer
from limbeck.core.record import Record
from limbeck.core.table import Table, refuse
from limbeck.text.columns import Separator, label_separator, split_labels
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.inputs import input_columns, parse_inputs, read_inputs
from limbeck.text.port import Example, Task
from limbeck.text.split import set_strata

CLASS = "label"
"""What a class of this task is called."""


@dataclass(frozen=True)
class Spec(Record):
    """Which columns are what."""

    text: str = "text"
    """Column of the (first) text."""
    pair: str = ""
    """Column of the second text of a pair; empty for single texts."""
    label: str = "labels"
    """Column of the labels: lists of them, or texts."""
    separator: Separator = ""
    """What stands between the labels of a text; empty: a text is one label."""


def detect(table: Table, wanted: Mapping[str, str | None]) -> Spec | None:
    """Which columns this task would read, or None if the table is not for it: see `input_columns`.

    A column of lists is for it, or one of texts that are all made of fewer labels than there are combinations.

    Args:
        table: The rows to train on.
        wanted: `text`, `pair` and `label` → column that a flag names; `task` → the task.

    Raises:
        DataError: A flag names a column that there is not.
    """
    found = input_columns(table, wanted, "multi_label", "classes")
    if found is None:
        return None
    cells = [cell for cell in table.columns[found[2]] if isinstance(cell, str)]
    text, pair, label = found
    return Spec(text, pair, label, label_separator(cells))


def examples(table: Table, spec: Spec) -> list[Example]:
    """The rows, understood: labels sorted, each once; a blank cell is None.

    Raises:
        DataError: There is no such column, a text is blank, or a label is empty.
    """
    cells = table.column(spec.label, "label")
    found = [None if cell is None else _labels(cell, spec.separator) for cell in cells]
    refuse(
        [
            f"{table.place(row, spec.label)}: label {labels.index('') + 1} of {len(labels)} is empty"
            for row, labels in enumerate(found)
            if labels and "" in labels
        ],
        f"rows with an empty label in column {spec.label!r}; take it out, or write [] where no label holds",
    )
    rows = zip(read_inputs(table, spec.text, spec.pair), found, strict=True)
    return [Example(*texts, None if labels is None else sorted(set(labels))) for texts, labels in rows]


def _labels(cell: Any, separator: str) -> list[str]:
    return [label.strip() for label in cell] if isinstance(cell, list) else split_labels(cell, separator)


def classes(example: Example) -> list[str]:
    """The classes that an example speaks of: the labels that hold."""
    return list(example.target or ())


def label_names(rows: Sequence[Example]) -> tuple[str, ...]:
    """Label names in the order of the logits, sorted.

    >>> label_names([Example("a", target=["b", "c"]), Example("b", target=["a"]), Example("c")])
    ('a', 'b', 'c')
    """
    return tuple(sorted({label for e in rows for label in e.target or ()}))


def sole(rows: Sequence[Example]) -> str:
    """The labels of every row, `[]` for none; empty where they differ."""
    first, *others = {tuple(e.target) for e in rows if e.target is not None}
    return "" if others else ", ".join(first) or "[]"


def strata(rows: Sequence[Example]) -> list[str | None]:
    """What splits hold the same share of: each set of labels, rare ones by their rarest label."""
    return set_strata([e.target for e in rows])


@dataclass
class MultiLabel:
    """The task with its labels."""

    spec: Spec
    labels: tuple[str, ...]

    answer: ClassVar[Answer] = "classes"
    primary: ClassVar[str] = "micro_f1"
    metrics: ClassVar[tuple[str, ...]] = (
        *("micro_f1", "macro_f1", "macro_precision", "macro_recall", "accuracy", "roc_auc"),
    )
    head: ClassVar[str] = "AutoModelForSequenceClassification"
    per_word: ClassVar[bool] = False

    def encode(self, examples: Sequence[Example], encoder: Encoder) -> list[list[Encoded]]:
        """One window for each example."""
        encoded = encoder.texts([e.text for e in examples], [e.pair for e in examples])
        return [[one] for one in encoded]

    def targets(self, example: Example) -> list[list[float]]:
        """1 for each label that holds, 0 for each other, nan where the example is unlabelled.

        Raises:
            DataError: A label is none of the task's.
        """
        if example.target is None:
            return [[float("nan")] * len(self.labels)]
        if strange := [label for label in example.target if label not in self.labels]:
            raise DataError(f"label {strange[0]!r}: not one of this model's, {', '.join(self.labels)}")
        return [[float(label in example.target) for label in self.labels]]

    def parse(self, texts: Sequence[Any]) -> list[Example]:
        """Texts; of a pair task `(text, pair)` or `{"text": …, "pair": …}`.

        Raises:
            DataError: An input has another form.
        """
        return parse_inputs(texts, paired=bool(self.spec.pair))

    def respond(self, text: Any, example: Example, probabilities: np.ndarray) -> dict[str, Any]:
        """The `labels` that hold and the `probabilities` of all, the most probable first."""
        row = [float(p) for p in probabilities[0]]
        ranked = sorted(zip(self.labels, row, strict=True), key=lambda item: -item[1])
        return {"labels": [label for label, p in ranked if p >= THRESHOLD], "probabilities": dict(ranked)}


def build(spec: Spec, labels: Sequence[str]) -> Task:
    """The task."""
    return MultiLabel(spec, tuple(labels))

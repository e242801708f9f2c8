"""A number for a text or a pair of texts, by one logit over [CLS] (STS-B: Cer et al. 2017, arXiv:1708.00055).

Reads a column of texts, perhaps a second one, and a column of numbers. The logit is the number itself, in the data's
own unit, as in stock heads with `problem_type: regression`; training begins at the mean and spread of the rows. Losses
are in that unit squared: numbers whose spread is far from 1 are better scaled before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from limbeck.core.predictions import Answer
from limbeck.core.record import Record
from limbeck.core.table import Table, refuse
from limbeck.text.columns import NUMBER
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.inputs import input_columns, parse_inputs, read_inputs
from limbeck.text.port import Example, Task
from limbeck.text.split import quantile_strata

CLASS = "value"
"""What this task learns is called."""
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Spec(Record):
    """Which columns are what."""

    text: str = "text"
    """Column of the (first) text."""
    pair: str = ""
    """Column of the second text of a pair; empty for single texts."""
    label: str = "score"
    """Column of the numbers."""


def detect(table: Table, wanted: Mapping[str, str | None]) -> Spec | None:
    """Which columns this task would read, or None if the table is not for it: see `input_columns`.

    A column of numbers is for it where some are no integers, or more than 200 differ.

    Args:
        table: The rows to train on.
        wanted: `text`, `pair` and `label` → column that a flag names; `task` → the task.

    Raises:
        DataError: A flag names a column that there is not.
    """
    found = input_columns(table, wanted, "text_regression", "value")
    return Spec(*found) if found else None


def examples(table: Table, spec: Spec) -> list[Example]:
    """The rows, understood; a blank number is None.

    Raises:
        DataError: There is no such column, a text is blank, or what should be a number is none.
    """
    cells = table.column(spec.label, "label")
    refuse(
        [f"{table.place(row, spec.label)}: {why}" for row, cell in enumerate(cells) if (why := _unfit(cell))],
        f"rows without a finite number in column {spec.label!r}; mend them, or leave a cell blank if it is unknown",
    )
    rows = zip(read_inputs(table, spec.text, spec.pair), cells, strict=True)
    return [Example(*texts, None if cell is None else float(cell)) for texts, cell in rows]


def _unfit(cell: Any) -> str:
    if isinstance(cell, list):
        return "a list"
    if cell is None:
        return ""
    if not NUMBER.fullmatch(cell.strip()):
        return f"{cell[:40]!r} is no number"
    return "" if abs(float(cell)) <= _LARGEST else f"{cell[:40]!r} is too large"


def classes(example: Example) -> list[str]:
    """None: numbers are no classes."""
    return []


def label_names(rows: Sequence[Example]) -> tuple[str, ...]:
    """The name of the one logit."""
    return (CLASS,)


def sole(rows: Sequence[Example]) -> str:
    """The only number that there is; empty where there are several to tell apart."""
    first, *others = {e.target for e in rows if e.target is not None}
    return "" if others else f"{first:g}"


def strata(rows: Sequence[Example]) -> list[str | None]:
    """What splits hold the same share of: small, middling and large numbers."""
    return quantile_strata([e.target for e in rows])


@dataclass
class TextRegression:
    """The task."""

    spec: Spec
    labels: tuple[str, ...]

    answer: ClassVar[Answer] = "value"
    primary: ClassVar[str] = "pearson"
    metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "concordance", "mae", "mse")
    head: ClassVar[str] = "AutoModelForSequenceClassification"
    per_word: ClassVar[bool] = False

    def encode(self, examples: Sequence[Example], encoder: Encoder) -> list[list[Encoded]]:
        """One window for each example."""
        encoded = encoder.texts([e.text for e in examples], [e.pair for e in examples])
        return [[one] for one in encoded]

    def targets(self, example: Example) -> list[float]:
        """The number, nan where there is none."""
        return [float("nan") if example.target is None else example.target]

    def parse(self, texts: Sequence[Any]) -> list[Example]:
        """Texts; of a pair task `(text, pair)` or `{"text": …, "pair": …}`.

        Raises:
            DataError: An input has another form.
        """
        return parse_inputs(texts, paired=bool(self.spec.pair))

    def respond(self, text: Any, example: Example, probabilities: np.ndarray) -> dict[str, Any]:
        """The `value`."""
        return {"value": float(probabilities[0, 0])}


def build(spec: Spec, labels: Sequence[str]) -> Task:
    """The task."""
    return TextRegression(spec, tuple(labels))

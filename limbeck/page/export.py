"""The report's numbers as CSV that is safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from limbeck.core.files import write_text
from limbeck.core.predictions import Predictions
from limbeck.page.classes import Classes
from limbeck.page.findings import Findings
from limbeck.text.port import Example

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV; cells that a spreadsheet would run as a formula begin with an apostrophe."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([safe_cell(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> safe_cell("=1+1"), safe_cell("-1.5"), safe_cell("-x"), safe_cell("good")
    ("'=1+1", '-1.5', "'-x", 'good')
    """
    text = str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def prediction_rows(findings: Findings, examples: Sequence[Example]) -> Iterator[list[object]]:
    """Each example with its truth and every model's answer and confidence; tags are joined by spaces.

    The confidence in several labels is that in the least sure, held or not; a value has none.
    """
    ends = ("",) if findings.answer == "value" else ("", "_confidence")
    answers = [f"{role}{end}" for role in findings.roles for end in ends]
    yield ["example", "text", "pair", "truth", *answers]
    told = {role: _told(predictions) for role, predictions in findings.predictions.items()}
    truths = _truths(next(iter(findings.predictions.values())))
    for index, (example, truth) in enumerate(zip(examples, truths, strict=True)):
        text = " ".join(example.text) if isinstance(example.text, list) else example.text
        cells = [cell for role in findings.roles for cell in told[role][index]]
        yield [index, text, example.pair or "", truth, *cells]


def class_rows(classes: Classes) -> Iterator[list[object]]:
    """Precision, recall and F1 of every class by every model."""
    yield ["class", "model", "precision", "recall", "f1", "true", "answered", "right"]
    for index, name in enumerate(classes.names):
        for role, counts in classes.counts.items():
            scores = [f"{float(x[index]):.6f}" for x in (counts.precision, counts.recall, counts.f1)]
            numbers = [int(x[index]) for x in (counts.truths, counts.answers, counts.hits)]
            yield [name, role, *scores, *numbers]


def _told(predictions: Predictions) -> list[tuple[str, ...]]:
    """Answer and confidence of each example; a sentence of tags is as sure as its least sure tag."""
    if predictions.answer == "value":
        return [(value,) for value in predictions.names(predictions.answers)]
    odds = predictions.probabilities
    sure = odds.max(1) if predictions.answer == "class" else np.maximum(odds, 1 - odds).min(1)
    spans = zip(predictions.offsets[:-1], predictions.offsets[1:], strict=True)
    confidences = [f"{sure[a:b].min():.6f}" if b > a else "" for a, b in spans]
    return list(zip(map(" ".join, predictions.tags(predictions.answers)), confidences, strict=True))


def _truths(predictions: Predictions) -> list[str]:
    return [" ".join(names) for names in predictions.tags(predictions.targets)]

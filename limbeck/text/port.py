"""What a task must offer, so that training, evaluation and prediction need not know which task it is."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from limbeck.core.predictions import Answer, Predictions
from limbeck.core.table import Table
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Example:
    """One row, understood.

    Attributes:
        text: The (first) text, or the words of a sentence.
        pair: The second text of a pair task.
        target: Label name, list of tag names or of labels that hold, number, or None where the row is unlabelled.
    """

    text: Any
    pair: str | None = None
    target: Any = None

    def key(self) -> tuple[Any, ...]:
        """What makes two examples duplicates: their inputs."""
        return (tuple(self.text) if isinstance(self.text, list | tuple) else self.text, self.pair)


@runtime_checkable
class Task(Protocol):
    """A task kind, configured. Every task file's `build(spec, labels)` returns one."""

    labels: tuple[str, ...]
    answer: ClassVar[Answer]
    """What each item gets: a class, any number of classes, or a value."""
    primary: ClassVar[str]
    """Key on the metrics shelf of the number that decides; higher is better."""
    head: ClassVar[str]
    """Name of the `transformers` auto class that has the right head."""
    per_word: ClassVar[bool]
    """Whether the model answers for each word (first sub-word) rather than for the whole input."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Keys on the metrics shelf to be measured."""

    def encode(self, examples: Sequence[Example], encoder: Encoder) -> list[list[Encoded]]:
        """Windows of each example; one window except for long word sequences."""

    def targets(self, example: Example) -> list[Any]:
        """The truth of each item, as the rows of `Predictions.targets`.

        Of a class the index of its label, -1 where unknown; of classes a 1 or 0 for each label, of a value the number,
        nan where unknown.
        """

    def parse(self, texts: Sequence[Any]) -> list[Example]:
        """What a user types, as unlabelled examples."""

    def respond(self, text: Any, example: Example, probabilities: np.ndarray) -> dict[str, Any]:
        """The answer for one input in plain values, from `[items, labels]` probabilities, or values `[items, 1]`."""


@runtime_checkable
class Metric(Protocol):
    """A metric, configured. Every metric file's `build(spec)` returns one."""

    unit: ClassVar[str]
    higher_is_better: ClassVar[bool]

    def value(self, predictions: Predictions) -> float:
        """The metric, by the reference library."""

    def resampled(self, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
        """The metric `[draws]` under example weights `[draws, examples]`; weights of 1 give `value`."""


@runtime_checkable
class Reader(Protocol):
    """A file format, configured. Every reader file's `build(spec)` returns one."""

    def read(self, path: Any) -> Table:
        """Read a file or folder into text columns."""


@runtime_checkable
class Quantizer(Protocol):
    """A quantisation of ONNX files, configured. Every quantizer file's `build(spec)` returns one."""

    def operators(self, source: Path) -> list[str]:
        """Names of what may be left in fp32, in the order of the graph."""

    def write(self, source: Path, target: Path, keep: Collection[str] = ()) -> None:
        """Write a quantised copy of `source`, with the operators named in `keep` left in fp32."""


Draw = Callable[[Random], list[str]]
"""The words of one variant of a sentence: one for each of its words, empty for a word that is left out."""


@runtime_checkable
class Augmenter(Protocol):
    """A way to write texts anew, configured. Every augmenter file's `build(spec, teacher)` returns one."""

    title: str
    """What it does and by which model or file, for people."""

    def plan(self, sentence: Sentence) -> Draw:
        """Do once what all variants of a sentence share; nothing but the sentence may decide the result."""


@runtime_checkable
class Scorer(Protocol):
    """A loaded model of any format: examples in, logits out."""

    def logits(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """`[items, labels]` for each example, in the order given."""

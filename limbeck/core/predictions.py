"""Answers of a model beside the truth, as plain arrays: what metrics, gates and the report read."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from limbeck.core.errors import BundleError

Array = np.ndarray
Answer = Literal["class", "classes", "value"]
"""What an item gets: one of the labels, any number of them, or a number."""
THRESHOLD = 0.5
"""Probability from which one of several labels is said to hold."""


@dataclass(frozen=True)
class Predictions:
    """What a model says of items, grouped into examples.

    A sentence classifier has one item per example; a tagger has one per word. `offsets[i]:offsets[i+1]` are the
    items of example i.

    Attributes:
        labels: Label names in the order of the columns.
        probabilities: `[items, labels]`: of a class, rows sum to 1; of classes, each label's own; of a value no
            probability but the value itself, `[items, 1]`.
        targets: Of a class `[items]`, the index of the true label, -1 where it is not known; of classes
            `[items, labels]`, 1 where a label holds; of a value `[items]`. Numbers are nan where they are not known.
        offsets: `[examples + 1]`, where each example's items begin.
        answer: What an item gets.
    """

    labels: tuple[str, ...]
    probabilities: Array
    targets: Array
    offsets: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    answer: Answer = "class"

    def __post_init__(self) -> None:
        if self.offsets.size == 0:
            object.__setattr__(self, "offsets", np.arange(len(self.targets) + 1))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def answers(self) -> Array:
        """As `targets`: index of the most probable label, 1 for each label that is likely to hold, or the value."""
        if self.answer == "class":
            return np.asarray(self.probabilities.argmax(axis=1))
        return (self.probabilities >= THRESHOLD).astype(float) if self.answer == "classes" else self.probabilities[:, 0]

    @property
    def known(self) -> Array:
        """`[items]`, whether the truth is known."""
        return known(self.targets, self.answer)

    def names(self, items: Array) -> list[str]:
        """Each of `items` (answers or targets) for people; an unknown one is empty."""
        if self.answer == "class":
            labels = (*self.labels, "")  # -1, an unknown target, is the last
            return [labels[i] for i in items]
        if self.answer == "value":
            return ["" if np.isnan(value) else f"{value:.6g}" for value in items]
        return [", ".join(label for label, holds in zip(self.labels, row, strict=True) if holds == 1) for row in items]

    def tags(self, items: Array) -> list[list[str]]:
        """Label names of `items` (answers or targets), one list per example."""
        names = self.names(items)
        return [names[a:b] for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True)]

    def save(self, path: Path) -> None:
        """Write a `.npz` without pickles."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                labels=np.array(self.labels),
                probabilities=self.probabilities.astype(np.float32),
                targets=self.targets,
                offsets=self.offsets,
                answer=np.array(self.answer),
            )

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Read what `save` wrote.

        Raises:
            BundleError: The file is missing or damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                labels = tuple(str(x) for x in arrays["labels"])
                answer = next(kind for kind in get_args(Answer) if kind == str(arrays["answer"]))
                return cls(labels, arrays["probabilities"], arrays["targets"], arrays["offsets"], answer)
        except (
            OSError,
            ValueError,
            LookupError,
            StopIteration,
            EOFError,
            RuntimeError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise BundleError(f"{path}: not stored predictions ({error}); run `limbeck evaluate` again") from None


def softmax(logits: Array) -> Array:
    """Softmax over the last axis, safe for large logits.

    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def sigmoid(logits: Array) -> Array:
    """The logistic function, safe for large logits.

    >>> sigmoid(np.array([0.0, np.log(3.0), -1000.0])).round(2).tolist()
    [0.5, 0.75, 0.0]
    """
    small = np.exp(-np.abs(logits))
    result: Array = np.where(logits >= 0, 1, small) / (1 + small)
    return result


def activated(logits: Array, answer: Answer) -> Array:
    """Logits `[items, labels]` as probabilities, which are one for each label by itself where several may hold.

    The value of a regression is its logit.
    """
    exact = logits.astype(np.float64)
    return softmax(exact) if answer == "class" else sigmoid(exact) if answer == "classes" else exact


def known(targets: Array, answer: Answer) -> Array:
    """`[items]`, which of such targets are known.

    >>> known(np.array([0, -1]), "class").tolist(), known(np.array([-1.5, np.nan]), "value").tolist()
    ([True, False], [True, False])
    """
    if answer == "class":
        return np.asarray(targets >= 0)
    unknown = np.isnan(targets)
    return np.asarray(~(unknown.any(axis=1) if unknown.ndim > 1 else unknown))


def gather(
    labels: Sequence[str],
    logits: Sequence[Array],
    targets: Sequence[Sequence[Any]] | None = None,
    answer: Answer = "class",
) -> Predictions:
    """Stack per-example logits `[items, labels]` and their targets into one record."""
    counts = [len(x) for x in logits]
    items, width = sum(counts), len(labels)
    stacked = np.concatenate(logits) if logits else np.zeros((0, width))
    unknown, kind = (-1, int) if answer == "class" else (np.nan, float)
    shape = (items, width) if answer == "classes" else (items,)
    truth = np.full(shape, unknown)
    if targets is not None:
        truth = np.array([t for row in targets for t in row], dtype=kind).reshape(shape)
    return Predictions(tuple(labels), activated(stacked, answer), truth, np.cumsum([0, *counts]), answer)

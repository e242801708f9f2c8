"""Answers of a model beside the truth, as plain arrays: what metrics, gates and the report read."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from limbeck.core.errors import BundleError

Array = np.ndarray


@dataclass(frozen=True)
class Predictions:
    """Probabilities for items, grouped into examples.

    A sentence classifier has one item per example; a tagger has one per word. `offsets[i]:offsets[i+1]` are the
    items of example i.

    Attributes:
        labels: Label names in the order of the columns.
        probabilities: `[items, labels]`, rows sum to 1.
        targets: `[items]`, index of the true label, or -1 where it is not known.
        offsets: `[examples + 1]`, where each example's items begin.
    """

    labels: tuple[str, ...]
    probabilities: Array
    targets: Array
    offsets: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if self.offsets.size == 0:
            object.__setattr__(self, "offsets", np.arange(len(self.targets) + 1))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def answers(self) -> Array:
        """`[items]`, index of the most probable label."""
        answers: Array = self.probabilities.argmax(axis=1)
        return answers

    def tags(self, items: Array) -> list[list[str]]:
        """Label names of `items` (answers or targets), one list per example."""
        names = [self.labels[i] for i in items]
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
                return cls(labels, arrays["probabilities"], arrays["targets"], arrays["offsets"])
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise BundleError(f"{path}: not stored predictions ({error}); run `limbeck evaluate` again") from None


def softmax(logits: Array) -> Array:
    """Softmax over the last axis, safe for large logits.

    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def gather(
    labels: Sequence[str], logits: Sequence[Array], targets: Sequence[Sequence[int]] | None = None
) -> Predictions:
    """Stack per-example logits `[items, labels]` and targets `[items]` into one record."""
    counts = [len(x) for x in logits]
    width = len(labels)
    stacked = np.concatenate(logits) if logits else np.zeros((0, width))
    truth = np.full(sum(counts), -1) if targets is None else np.array([t for row in targets for t in row], dtype=int)
    return Predictions(tuple(labels), softmax(stacked.astype(np.float64)), truth, np.cumsum([0, *counts]))

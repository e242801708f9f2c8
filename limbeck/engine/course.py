"""Which batches a phase of training sees, epoch by epoch: a function of the seed alone, so that resuming is exact."""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch

from limbeck.engine.rows import Rows, epoch_order
from limbeck.nn.types import Batch


@runtime_checkable
class Course(Protocol):
    """What a phase is trained on, and in which order. After each epoch the network is examined."""

    epochs: int
    """How many there are."""

    def before(self, epoch: int) -> int:
        """Steps before an epoch; before the one after the last: all."""

    def batches(self, epoch: int) -> Sequence[Sequence[int]]:
        """What each step of an epoch sees, in numbers that `parts` takes."""

    def token_count(self, batch: Sequence[int]) -> int:
        """Tokens of a batch."""

    def parts(self, batch: Sequence[int], count: int, device: torch.device) -> list[Batch]:
        """A batch in `count` parts as equal as may be, which know their shares of it."""


class Passes:
    """Whole passes over rows that fit in memory.

    Args:
        rows: The rows.
        epochs: Passes, ≥ 1.
        batch_size: Rows per step; the last step of a pass may have fewer.
        seed: What the order depends on.
    """

    def __init__(self, rows: Rows, epochs: int, batch_size: int, seed: int) -> None:
        self.epochs = epochs
        self._rows, self._batch_size, self._seed = rows, batch_size, seed
        self.token_count, self.parts = rows.token_count, rows.parts

    def before(self, epoch: int) -> int:
        """As many for each pass."""
        return epoch * math.ceil(len(self._rows) / self._batch_size)

    def batches(self, epoch: int) -> list[list[int]]:
        """Shuffled anew, rows of like length together."""
        return epoch_order(self._rows.lengths, self._batch_size, self._seed, epoch)

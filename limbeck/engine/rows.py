"""Training data as token ids, and the order in which it is seen: a function of (seed, epoch) alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from limbeck.core.hashing import digest
from limbeck.core.predictions import Answer, known
from limbeck.nn.types import Batch
from limbeck.text.batching import pad
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.port import Example, Task

_POOL_BATCHES = 50
"""Batches' worth of shuffled rows that are sorted by length together: little padding, yet random neighbours."""


@dataclass(frozen=True)
class Rows:
    """Encoded training rows: one per window of an example.

    Attributes:
        inputs: Token ids of each row.
        targets: The truth of each item of each row, as the task gives it.
        per_word: Whether items are words.
        pad_id: What fills a batch up.
        answer: What each item gets.
    """

    inputs: Sequence[Encoded]
    targets: Sequence[Sequence[Any]]
    per_word: bool
    pad_id: int
    answer: Answer = "class"

    @classmethod
    def encode(cls, task: Task, encoder: Encoder, examples: Sequence[Example]) -> "Rows":
        """Encode examples for training."""
        inputs: list[Encoded] = []
        targets: list[list[Any]] = []
        for example, windows in zip(examples, task.encode(examples, encoder), strict=True):
            truth = task.targets(example)
            inputs += windows
            targets += [[truth[w] for w in window.words] if task.per_word else truth for window in windows]
        return cls(inputs, targets, task.per_word, encoder.pad_id, task.answer)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> list[int]:
        """Real tokens of each row."""
        return [len(x) for x in self.inputs]

    @property
    def item_counts(self) -> list[int]:
        """Items of each row."""
        return [len(t) for t in self.targets]

    @property
    def labelled(self) -> list[int]:
        """Rows in which the truth of at least one item is known."""
        return [row for row, truth in enumerate(self.targets) if known(np.asarray(truth), self.answer).any()]

    @property
    def cut(self) -> int:
        """Rows that lost text to the length limit."""
        return sum(x.cut for x in self.inputs)

    def digest(self) -> str:
        """Hash of the token ids and item positions: all that a model's outputs on the rows depend on."""
        return digest([[x.ids, x.type_ids, x.firsts] for x in self.inputs])

    def batch(self, indices: Sequence[int], device: torch.device) -> Batch:
        """Stack rows into a padded batch on a device."""
        chosen = [self.inputs[i] for i in indices]
        arrays = {name: torch.from_numpy(a).to(device) for name, a in pad(chosen, self.pad_id).items()}
        items = None
        if self.per_word:
            marks = np.zeros(arrays["input_ids"].shape, dtype=bool)
            for row, one in enumerate(chosen):
                marks[row, one.firsts] = True
            items = torch.from_numpy(marks).to(device)
        targets = [t for i in indices for t in self.targets[i]]
        return Batch(
            input_ids=arrays["input_ids"],
            real=arrays["attention_mask"].bool(),
            token_type_ids=arrays["token_type_ids"],
            targets=torch.tensor(targets, dtype=torch.long if self.answer == "class" else torch.float, device=device),
            items=items,
            rows=torch.tensor(indices, dtype=torch.long),
        )


def epoch_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of one epoch: shuffled, then sorted by length within pools, then the batches shuffled.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows per batch; the last may have fewer.
        seed: With `epoch`, all that the order depends on.
        epoch: Counted from 0.

    >>> order = epoch_order([3] * 10, batch_size=4, seed=0, epoch=0)
    >>> sorted(len(b) for b in order), sorted(i for b in order for i in b) == list(range(10))
    ([2, 4, 4], True)
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    size = np.asarray(lengths)
    batches = []
    for start in range(0, len(order), batch_size * _POOL_BATCHES):
        pool = order[start : start + batch_size * _POOL_BATCHES]
        pool = pool[np.argsort(size[pool], kind="stable")]
        batches += [pool[i : i + batch_size].tolist() for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]

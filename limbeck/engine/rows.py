"""Training data as token ids, and the order in which it is seen: a function of (seed, epoch) alone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from limbeck.core.hashing import digest
from limbeck.core.predictions import Answer, known
from limbeck.engine.dealing import dealt, sent
from limbeck.nn.types import Batch, Unit
from limbeck.text.encode import Encoded, Encoder
from limbeck.text.port import Example, Task
from limbeck.text.runs import offsets, sizes, spans

_POOL_BATCHES = 256
"""Batches' worth of shuffled rows that are sorted by length together: few lengths in a batch, yet random neighbours."""
_CHUNK_EXAMPLES = 1024
"""Examples encoded at a time: as Python's and the tokenizer's objects a token takes hundreds of bytes, here five."""


@dataclass(frozen=True)
class Rows:
    """Encoded training rows, one per window of an example, in flat arrays: a few bytes for each token.

    Attributes:
        ids: Token ids of all rows, one row after the other.
        type_ids: As long: 0 for the first text, 1 for the second.
        tokens: Where each row's tokens begin, and where the last row's end.
        places: Place in its row of the token that answers for each item.
        targets: The truth of each item, as the task gives it.
        items: Where each row's items begin, and where the last row's end.
        numbers: Number of each item among all that the examples have, whatever tokenizer cuts them into rows.
        answer: What each item gets.
        cut: Rows that lost text to the length limit.
    """

    ids: np.ndarray
    type_ids: np.ndarray
    tokens: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    items: np.ndarray
    numbers: np.ndarray
    answer: Answer = "class"
    cut: int = 0

    @classmethod
    def encode(cls, task: Task, encoder: Encoder, examples: Sequence[Example]) -> "Rows":
        """Encode examples for training, some at a time: memory holds the flat arrays and one chunk on its way there."""
        parts: list[Rows] = []
        first = 0
        for start in range(0, max(len(examples), 1), _CHUNK_EXAMPLES):
            part, first = cls._chunk(task, encoder, examples[start : start + _CHUNK_EXAMPLES], first)
            parts.append(part)
        return cls.joined(parts)

    @classmethod
    def _chunk(cls, task: Task, encoder: Encoder, examples: Sequence[Example], first: int) -> tuple["Rows", int]:
        """Rows of some examples whose items are numbered from `first`, and the number of the first item after them."""
        inputs: list[Encoded] = []
        targets: list[np.ndarray] = []
        numbers: list[np.ndarray] = []
        for example, windows in zip(examples, task.encode(examples, encoder), strict=True):
            truth = np.array(task.targets(example))
            answered = [window.words if task.per_word else np.arange(len(truth)) for window in windows]
            inputs += windows
            targets += [truth[items] for items in answered]
            numbers += [first + items for items in answered]
            first += len(truth)
        return cls.of(inputs, targets, numbers, per_word=task.per_word, answer=task.answer), first

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """The rows of all parts, in order; the numbers of their items are taken as they are.

        Args:
            parts: At least one, all with the same kind of answer.
        """
        flat = ("ids", "type_ids", "places", "targets", "numbers")
        return cls(
            tokens=offsets(np.concatenate([part.lengths for part in parts])),
            items=offsets(np.concatenate([np.diff(part.items) for part in parts])),
            answer=parts[0].answer,
            cut=sum(part.cut for part in parts),
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in flat},
        )

    @classmethod
    def of(
        cls,
        inputs: Sequence[Encoded],
        targets: Sequence[Sequence[Any] | np.ndarray],
        numbers: Sequence[Sequence[int] | np.ndarray] = (),
        *,
        per_word: bool,
        answer: Answer = "class",
    ) -> "Rows":
        """Lay rows out flat. Items are first sub-words if `per_word`, else whole texts; counted if not numbered."""
        places = [x.firsts if per_word else [0] for x in inputs]
        count = sum(map(len, places))
        return cls(
            ids=_flat([x.ids for x in inputs], np.int32),
            type_ids=_flat([x.type_ids for x in inputs], np.int8),
            tokens=offsets([len(x) for x in inputs]),
            places=_flat(places, np.int32),
            targets=_flat(targets, np.int64 if answer == "class" else np.float32),
            items=offsets([len(x) for x in places]),
            numbers=_flat(numbers or [range(count)], np.int64),
            answer=answer,
            cut=sum(x.cut for x in inputs),
        )

    def __len__(self) -> int:
        return len(self.tokens) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row."""
        return np.diff(self.tokens)

    def token_count(self, indices: Sequence[int]) -> int:
        """Tokens of some rows."""
        return int(sizes(self.tokens, np.asarray(indices)).sum())

    @property
    def labelled(self) -> list[int]:
        """Rows in which the truth of at least one item is known."""
        counted = offsets(known(self.targets, self.answer))
        return np.flatnonzero(counted[self.items[1:]] > counted[self.items[:-1]]).tolist()

    def digest(self) -> str:
        """Hash of the token ids and item positions: all that a model's outputs on the rows depend on."""
        arrays = (self.ids, self.type_ids, self.tokens, self.places, self.items)
        return digest([hashlib.sha256(a.data).hexdigest() for a in arrays])

    def places_in(self, other: "Rows") -> np.ndarray:
        """For each item its place among the items of other rows of the same examples, -1 where those lack it."""
        found = np.full(1 + max(self.numbers.max(initial=-1), other.numbers.max(initial=-1)), -1)
        found[other.numbers] = np.arange(len(other.numbers))
        return np.asarray(found[self.numbers])

    def with_items(self, kept: np.ndarray) -> "Rows":
        """The same rows, of whose items only those count that `kept` is true of."""
        before = offsets(kept)
        chosen = {name: getattr(self, name)[kept] for name in ("places", "targets", "numbers")}
        return replace(self, items=before[self.items], **chosen)

    def batch(self, indices: Sequence[int], device: torch.device) -> Batch:
        """The tokens of some rows, rows of equal length together, on a device."""
        return self.parts(indices, 1, device)[0]

    def parts(self, indices: Sequence[int], count: int, device: torch.device) -> list[Batch]:
        """A batch in parts; see `dealt`."""
        rows = np.asarray(indices)
        rows = rows[np.lexsort((rows, sizes(self.tokens, rows)))]
        distinct = sent(np.unique(self.ids[spans(self.tokens, rows)]), device)
        return dealt(rows, count, self._count, lambda part, shares: self._batch(part, shares, device), distinct)

    def _count(self, rows: np.ndarray) -> dict[Unit, int]:
        items, lengths = spans(self.items, rows), sizes(self.tokens, rows)
        return {
            "rows": len(rows),
            "items": len(items),
            "labelled": int(known(self.targets[items], self.answer).sum()),
            "tokens": int(lengths.sum()),
            "pairs": int((lengths.astype(np.int64) ** 2).sum()),
            "batch": len(rows),
        }

    def _batch(self, rows: np.ndarray, shares: Mapping[Unit, float], device: torch.device) -> Batch:
        lengths, items = sizes(self.tokens, rows), spans(self.items, rows)
        starts = np.repeat(np.cumsum(lengths) - lengths, sizes(self.items, rows))
        tokens = spans(self.tokens, rows)
        return Batch(
            input_ids=sent(self.ids[tokens], device),
            token_type_ids=sent(self.type_ids[tokens], device),
            lengths=tuple(lengths.tolist()),
            targets=sent(self.targets[items], device),
            items=sent(starts + self.places[items], device),
            rows=torch.from_numpy(rows),
            shares=shares,
        )


def _flat(parts: Sequence[Sequence[Any] | np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts, dtype=dtype, casting="unsafe") if parts else np.empty(0, dtype)


def epoch_order(lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
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

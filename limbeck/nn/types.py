"""The nouns of a training step: what goes into a model, what comes out, and how large it is."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Dims:
    """Size of an encoder.

    Attributes:
        layers: Number of Transformer layers.
        hidden: Width of the residual stream.
        heads: Attention heads per layer; divides `hidden`.
        intermediate: Width of the feed-forward layer.
        labels: Width of the logits.
        attention: Width of a layer's heads together; 0 where it is `hidden`, as it mostly is.
    """

    layers: int
    hidden: int
    heads: int
    intermediate: int
    labels: int = 0
    attention: int = 0

    @property
    def attended(self) -> int:
        """Width of a layer's queries, of all heads together; that of its keys and values."""
        return self.attention or self.hidden

    def __str__(self) -> str:
        return f"{self.layers}x{self.hidden}"


@dataclass(frozen=True)
class Batch:
    """Inputs of one step: the tokens of all rows one after the other, without padding.

    An *item* is what gets an answer: a text, or the first sub-word of each word. Rows of equal length should stand
    together, as attention runs once for each such group.

    Attributes:
        input_ids: Token ids.
        token_type_ids: 0 for the first text, 1 for the second.
        lengths: Tokens of each row.
        targets: Index of the true label of each item, -1 where unknown.
        items: Place of each item's token: a text's first, or the first sub-word of a word.
        rows: Row of the data that each row is, for caches.
    """

    input_ids: Int[Tensor, " tokens"]
    token_type_ids: Int[Tensor, " tokens"]
    lengths: tuple[int, ...]
    targets: Int[Tensor, " items"]
    items: Int[Tensor, " items"]
    rows: Int[Tensor, " batch"]

    @cached_property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """Number of rows and their length, for each run of rows of equal length."""
        return tuple((len(list(rows)), length) for length, rows in groupby(self.lengths))

    @cached_property
    def positions(self) -> Int[Tensor, " tokens"]:
        """Place of each token in its row, from 0."""
        counted = torch.cat([torch.arange(length).repeat(rows) for rows, length in self.groups])
        return counted.to(self.input_ids.device)

    def by_length(self, values: Float[Tensor, "tokens ..."]) -> list[Float[Tensor, "_ _ ..."]]:
        """Flat values as `[rows, length, …]`, one tensor for each run of rows of equal length.

        >>> ids = torch.arange(7)
        >>> batch = Batch(ids, ids * 0, (2, 2, 3), ids[:3], torch.tensor([0, 2, 4]), ids[:3])
        >>> [part.tolist() for part in batch.by_length(ids.float())]
        [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0, 6.0]]]
        """
        parts = torch.split(values, [rows * length for rows, length in self.groups])
        return [part.view(*group, *part.shape[1:]) for part, group in zip(parts, self.groups, strict=True)]


@dataclass
class Outputs:
    """What a model computed, as far as it was asked for. Layer 0 is the embeddings' output, 1 the first layer.

    Attributes:
        logits: One row per item.
        hidden: Layer → hidden states.
        queries: Layer → queries of each head, before the product; likewise `keys` and `values`.
        keys: See `queries`.
        values: See `queries`.
    """

    logits: Float[Tensor, "items labels"] | None = None
    hidden: dict[int, Float[Tensor, "tokens hidden"]] = field(default_factory=dict)
    queries: dict[int, Float[Tensor, "tokens heads head_dim"]] = field(default_factory=dict)
    keys: dict[int, Float[Tensor, "tokens heads head_dim"]] = field(default_factory=dict)
    values: dict[int, Float[Tensor, "tokens heads head_dim"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reads:
    """Which outputs are needed, so that nothing else is kept or cached.

    Attributes:
        logits: Whether logits are read.
        hidden: Layers whose hidden states are read; 0 is the embeddings' output.
        attention: Layers whose queries, keys and values are read.
    """

    logits: bool = False
    hidden: frozenset[int] = frozenset()
    attention: frozenset[int] = frozenset()

    def __or__(self, other: "Reads") -> "Reads":
        return Reads(self.logits or other.logits, self.hidden | other.hidden, self.attention | other.attention)

    def __bool__(self) -> bool:
        return self.logits or bool(self.hidden) or bool(self.attention)

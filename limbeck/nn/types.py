"""The nouns of a training step: what goes into a model, what comes out, and how large it is."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby, pairwise
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from limbeck.core.predictions import Answer
from limbeck.nn.vocabulary import Vocabulary


@dataclass(frozen=True)
class Dims:
    """Size of an encoder.

    Attributes:
        layers: Number of Transformer layers.
        hidden: Width of the residual stream.
        heads: Attention heads per layer; divides `hidden`.
        intermediate: Width of the feed-forward layer.
        labels: Width of the logits.
        answer: What the logits mean: one class, each label by itself, or a value.
        attention: Width of a layer's heads together; 0 where it is `hidden`, as it mostly is.
        over_tokens: Whether the labels are the tokens of a vocabulary, so many that logits are never there all at once.
    """

    layers: int
    hidden: int
    heads: int
    intermediate: int
    labels: int = 0
    answer: Answer = "class"
    attention: int = 0
    over_tokens: bool = False

    @property
    def attended(self) -> int:
        """Width of a layer's queries, of all heads together; that of its keys and values."""
        return self.attention or self.hidden

    def __str__(self) -> str:
        return f"{self.layers}x{self.hidden}"


Unit = Literal["rows", "items", "labelled", "tokens", "pairs", "related", "batch"]
"""What a loss is a mean over: rows, items, those whose label is known, tokens, pairs of tokens of one text, or rows of
two texts whose relation is known. `batch`: it compares rows with one another, so that the losses of parts, weighed by
their rows, are not that of the whole."""


@dataclass(frozen=True)
class Moment:
    """When a step is taken: what schedules and draws depend on.

    Attributes:
        progress: Part of the phase that is over: 0 at its first step, 1 at its last.
        epoch: Epoch of the phase, from 0.
        seed: The stage's seed.
    """

    progress: float = 0.0
    epoch: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Inputs of one step: the tokens of all rows one after the other, without padding.

    An *item* is what gets an answer: a text, or the first sub-word of each word. Rows of equal length should stand
    together, as attention runs once for each such group.

    Attributes:
        input_ids: Token ids.
        token_type_ids: 0 for the first text, 1 for the second.
        lengths: Tokens of each row.
        targets: Of each item the index of its class, -1 where unknown; 1 or 0 for each label, or a value, nan where
            unknown.
        items: Place of each item's token: a text's first, or the first sub-word of a word.
        rows: Row of the data that each row is, for caches.
        shares: Of a part of a larger batch: which share of each unit of that batch it has.
        moment: When the step is taken.
        relations: Of each row 0 if its second text follows the first, 1 if not, -1 where that is not asked; None where
            nobody asks.
        chances: Of each item a number in [0, 1), for what is drawn in its place; None where nothing is.
        distinct: Token ids that occur in the whole batch of which this is a part, ascending; None where nobody asked.
    """

    input_ids: Int[Tensor, " tokens"]
    token_type_ids: Int[Tensor, " tokens"]
    lengths: tuple[int, ...]
    targets: Int[Tensor, " items"] | Float[Tensor, " items"] | Float[Tensor, "items labels"]
    items: Int[Tensor, " items"]
    rows: Int[Tensor, " batch"]
    shares: Mapping[Unit, float] = field(default_factory=lambda: dict.fromkeys(get_args(Unit), 1.0))
    moment: Moment = Moment()
    relations: Int[Tensor, " batch"] | None = None
    chances: Float[Tensor, " items"] | None = None
    distinct: Int[Tensor, " distinct"] | None = None

    @functools.cached_property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """Number of rows and their length, for each run of rows of equal length."""
        return tuple((len(list(rows)), length) for length, rows in groupby(self.lengths))

    @functools.cached_property
    def firsts(self) -> Int[Tensor, " batch"]:
        """Place of each row's first token."""
        # Made where it is wanted: what is copied from the host would be waited for.
        device, ends = self.input_ids.device, accumulate((rows * length for rows, length in self.groups), initial=0)
        groups = zip(pairwise(ends), self.groups, strict=True)
        return torch.cat([torch.arange(first, end, length, device=device) for (first, end), (_, length) in groups])

    def of_items(self, places: slice) -> "Batch":
        """The same tokens, of whose items only some are asked for."""
        return replace(self, items=self.items[places], targets=self.targets[places])

    @functools.cached_property
    def positions(self) -> Int[Tensor, " tokens"]:
        """Place of each token in its row, from 0."""
        device = self.input_ids.device
        return torch.cat([torch.arange(length, device=device).repeat(rows) for rows, length in self.groups])

    def by_length(self, values: Float[Tensor, "tokens ..."]) -> list[Float[Tensor, "_ _ ..."]]:
        """Flat values as `[rows, length, …]`, one tensor for each run of rows of equal length.

        >>> ids = torch.arange(7)
        >>> batch = Batch(ids, ids * 0, (2, 2, 3), ids[:3], torch.tensor([0, 2, 4]), ids[:3])
        >>> [part.tolist() for part in batch.by_length(ids.float())]
        [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0, 6.0]]]
        """
        parts = torch.split(values, [rows * length for rows, length in self.groups])
        return [part.view(*group, *part.shape[1:]) for part, group in zip(parts, self.groups, strict=True)]


Pooling = Literal["mean", "first"]
"""How the last hidden states of a row's tokens become one vector: their mean, or that of the first token, `[CLS]`."""

HEADS = ("queries", "keys", "values")
"""What is taken of attention, `[tokens, heads, head_dim]` each."""


@dataclass
class Outputs:
    """What a model computed, as far as it was asked for. Layer 0 is the embeddings' output, 1 the first layer.

    Attributes:
        logits: One row per item; None where they are over a vocabulary.
        hidden: Layer → hidden states.
        queries: Layer → queries of each head, before the product; likewise `keys` and `values`.
        keys: See `queries`.
        values: See `queries`.
        vocabulary: What logits over a vocabulary are made from.
        relation: For each row, the logits of whether its two texts belong together in this order.
        pooled: Pooling → a vector for each row, of its last hidden states.
    """

    logits: Float[Tensor, "items labels"] | None = None
    hidden: dict[int, Float[Tensor, "tokens hidden"]] = field(default_factory=dict)
    queries: dict[int, Float[Tensor, "tokens heads head_dim"]] = field(default_factory=dict)
    keys: dict[int, Float[Tensor, "tokens heads head_dim"]] = field(default_factory=dict)
    values: dict[int, Float[Tensor, "tokens heads head_dim"]] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    relation: Float[Tensor, "batch 2"] | None = None
    pooled: dict[Pooling, Float[Tensor, "batch hidden"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reads:
    """Which outputs are needed, so that nothing else is kept or cached.

    Attributes:
        logits: Whether logits are read, or what logits over a vocabulary are made from.
        hidden: Layers whose hidden states are read; 0 is the embeddings' output.
        queries: Layers whose queries are read; likewise `keys` and `values`.
        keys: See `queries`.
        values: See `queries`.
        relation: Whether the logits of the relation between two texts are read.
        pooled: Which vectors of rows are read.
    """

    logits: bool = False
    hidden: frozenset[int] = frozenset()
    queries: frozenset[int] = frozenset()
    keys: frozenset[int] = frozenset()
    values: frozenset[int] = frozenset()
    relation: bool = False
    pooled: frozenset[Pooling] = frozenset()

    def __or__(self, other: "Reads") -> "Reads":
        both = replace(
            self,
            logits=self.logits or other.logits,
            relation=self.relation or other.relation,
            pooled=self.pooled | other.pooled,
        )
        return functools.reduce(lambda found, kind: found.with_layers([kind[0]], kind[1]), other.layers(), both)

    def __bool__(self) -> bool:
        return self.logits or self.relation or bool(self.pooled) or any(layers for _, layers in self.layers())

    def with_layers(self, kinds: Iterable[str], layers: Iterable[int]) -> "Reads":
        """These reads, and what `kinds` name of some layers.

        >>> Reads().with_layers(["queries", "keys"], [2]) == Reads(queries=frozenset({2}), keys=frozenset({2}))
        True
        """
        return replace(self, **{kind: getattr(self, kind) | frozenset(layers) for kind in kinds})

    def layers(self) -> tuple[tuple[str, frozenset[int]], ...]:
        """Kind → layers, of all that is read of layers."""
        return tuple((kind, getattr(self, kind)) for kind in ("hidden", *HEADS))

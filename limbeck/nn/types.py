"""The nouns of a training step: what goes into a model, what comes out, and how large it is."""

from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int
from torch import Tensor

from limbeck.core.predictions import Answer


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
    """

    layers: int
    hidden: int
    heads: int
    intermediate: int
    labels: int = 0
    answer: Answer = "class"

    def __str__(self) -> str:
        return f"{self.layers}x{self.hidden}"


@dataclass(frozen=True)
class Batch:
    """Inputs of one step. An *item* is what gets an answer: a text, or the first sub-word of each word.

    Attributes:
        input_ids: Token ids, padded.
        real: True where there is a token, False where there is padding.
        token_type_ids: 0 for the first text, 1 for the second.
        targets: Of each item the index of its class, -1 where unknown; 1 or 0 for each label, or a value, nan where
            unknown.
        items: True at the first sub-word of each word; None where the whole text is the item.
        rows: Row of the data that each sequence is, for caches.
    """

    input_ids: Int[Tensor, "batch seq"]
    real: Bool[Tensor, "batch seq"]
    token_type_ids: Int[Tensor, "batch seq"]
    targets: Int[Tensor, " items"] | Float[Tensor, " items"] | Float[Tensor, "items labels"]
    items: Bool[Tensor, "batch seq"] | None
    rows: Int[Tensor, " batch"]


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
    hidden: dict[int, Float[Tensor, "batch seq hidden"]] = field(default_factory=dict)
    queries: dict[int, Float[Tensor, "batch heads seq head_dim"]] = field(default_factory=dict)
    keys: dict[int, Float[Tensor, "batch heads seq head_dim"]] = field(default_factory=dict)
    values: dict[int, Float[Tensor, "batch heads seq head_dim"]] = field(default_factory=dict)


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

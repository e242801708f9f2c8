"""What an objective and a backbone must offer. Any class or file with these parts fits; nothing is inherited."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


@runtime_checkable
class Objective(Protocol):
    """A loss term. What `build(spec, student, teacher)` of an objective's file returns."""

    student_reads: Reads
    """What it needs of the student."""
    teacher_reads: Reads
    """What it needs of the teacher; empty for objectives that need none."""
    unit: Unit
    """What its loss is a mean over, so that parts of a batch can be weighed."""

    def __call__(self, student: Outputs, teacher: Outputs, batch: Batch) -> Tensor:
        """The loss, a scalar, mean over valid items or real tokens."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of its own that are trained beside the student and then dropped."""


@dataclass(frozen=True)
class LayerParts:
    """Where the parts of one Transformer layer are.

    Attributes:
        layer: The whole layer; its output is the hidden state.
        attention: The module that calls the attention function.
        query: Projection to the queries; likewise `key` and `value`.
        key: See `query`.
        value: See `query`.
        attention_out: Projection back to the residual stream.
        attention_norm: Normalisation after the attention: a LayerNorm, or what has its weight and bias.
        ffn_in: Projection to the intermediate width.
        ffn_out: Projection back.
        ffn_norm: Normalisation after the feed-forward part, likewise.
        attention_join: The module that takes the attention's output and the residual stream, and all that follows
            works token by token; None if the family has none.
    """

    layer: nn.Module
    attention: nn.Module
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    attention_out: nn.Linear
    attention_norm: nn.Module
    ffn_in: nn.Linear
    ffn_out: nn.Linear
    ffn_norm: nn.Module
    attention_join: nn.Module | None = None


@dataclass(frozen=True)
class VocabularyHead:
    """Where the parts of a masked-language-model head are: last hidden states to features, features to logits.

    Attributes:
        dense: Linear layer from the hidden width to that of the token vectors.
        activation: What follows it.
        norm: Normalisation of the features.
        decoder: Linear layer with the logits' bias, whose weight, as a rule, is the embedding table of the tokens.
        beyond: Where features are wider than the table (MobileBERT): the layer that holds, transposed, what they meet
            beyond it. It is never called.
    """

    dense: nn.Linear
    activation: Callable[[Tensor], Tensor]
    norm: nn.Module
    decoder: nn.Linear
    beyond: nn.Linear | None = None

    def features(self, hidden: Float[Tensor, "items hidden"]) -> Float[Tensor, "items width"]:
        """What meets each token's vector."""
        features: Tensor = self.norm(self.activation(self.dense(hidden)))
        return features

    def weight(self) -> Float[Tensor, "vocabulary width"]:
        """The vector of each token."""
        own = self.decoder.weight
        return own if self.beyond is None else torch.cat([own, self.beyond.weight.T], dim=1)

    def bias(self) -> Float[Tensor, " vocabulary"]:
        """What is added to each token's logit."""
        return self.decoder.bias

    def modules(self) -> tuple[nn.Module, ...]:
        """All that it consists of."""
        return self.dense, self.norm, self.decoder, *([] if self.beyond is None else [self.beyond])


@dataclass(frozen=True)
class Parts:
    """Where the parts of an encoder with its head are.

    Attributes:
        embeddings: The module whose output is hidden state 0.
        tables: Embedding tables, that of the tokens first; as wide as the residual stream unless there is a projection.
        embedding_norm: Normalisation of the embeddings, as wide as they.
        projection: Linear layer that widens narrower embeddings to the residual stream, if there is one.
        layers: The layers in the order of their calls, lowest first; one that is called twice stands there twice.
        head: Linear layers after the last hidden state that map hidden to hidden (poolers and their kin).
        classifier: The layer that gives the logits, or None for a bare encoder.
        vocabulary: The head of a masked language model, which answers with one logit for each token of the vocabulary.
        relation: The layer of two logits on the pooler: whether one text follows the other, or in which order they are.
        replaced: The head of an ELECTRA discriminator, one logit for each token, whose layers are `head` and
            `classifier`.
    """

    embeddings: nn.Module
    tables: Sequence[nn.Embedding]
    embedding_norm: nn.Module
    projection: nn.Linear | None
    layers: Sequence[LayerParts]
    head: Sequence[nn.Linear]
    classifier: nn.Linear | None
    vocabulary: VocabularyHead | None = None
    relation: nn.Linear | None = None
    replaced: nn.Module | None = None

    def readers(self) -> list[nn.Linear]:
        """The linear layers that read the last hidden states."""
        bottom = [*self.head, *self.on_top()][:1]
        return bottom + ([] if self.vocabulary is None else [self.vocabulary.dense])

    def on_top(self) -> list[nn.Linear]:
        """The layer that reads what `head` gives, if there is one."""
        return [linear for linear in (self.classifier, self.relation) if linear is not None]


@runtime_checkable
class Backbone(Protocol):
    """A family of encoders. A file of the shelf is one; its name is the family's `model_type` in `config.json`."""

    Spec: type[Any]
    PACKS: bool
    """Whether several texts may stand in one row: no token looks past its text's border but in the attention. Where one
    does, padding is embedded as zero, as if the text stood alone."""

    def first_position(self, config: Any) -> int:
        """The number that the family gives to the first position."""

    def dims(self, config: Any) -> Dims:
        """The size that a configuration describes."""

    def parts(self, network: nn.Module) -> Parts:
        """Where the parts of a network of this family are."""

    def build(self, spec: Any, config: Any, dims: Dims) -> Any:
        """A copy of the configuration with another size: that of a student of this family.

        Raises:
            RecipeError: Networks of the family cannot have that size, or be cut to it; says what can.
        """

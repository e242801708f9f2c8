"""A stock network together with what is known of it: its family, its size, where its parts are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from limbeck.core.predictions import Answer
from limbeck.core.shelf import shelf
from limbeck.nn import taps
from limbeck.nn.layout import Layout, Packed, Padded
from limbeck.nn.ports import Backbone, Parts
from limbeck.nn.reduce import pooled
from limbeck.nn.types import Batch, Dims, Outputs, Reads
from limbeck.nn.vocabulary import Vocabulary

PROBLEMS: Mapping[str, Answer] = {"multi_label_classification": "classes", "regression": "value"}
"""What `problem_type` of a `config.json` says of a network's answers; any other is one class."""


@dataclass
class Model:
    """A tapped network.

    Attributes:
        network: The stock `transformers` network: a classifier, a masked language model, or an encoder alone.
        backbone: The file of the backbones shelf that knows its family.
        dims: Its size.
        parts: Where its parts are.
        per_word: Whether it answers for each word, or token, rather than for the whole text.
        packs: Whether batches lie packed in it; results are the same, padding costs more.
    """

    network: nn.Module
    backbone: Backbone
    dims: Dims
    parts: Parts
    per_word: bool
    packs: bool = True

    @property
    def config(self) -> Any:
        """The network's configuration."""
        return self.network.config

    def parameter_count(self) -> int:
        """Parameters, shared ones counted once."""
        return sum(p.numel() for p in self.network.parameters())

    def size(self) -> dict[str, int]:
        """The size in plain values, as Bundles record it."""
        return {
            "layers": self.dims.layers,
            "hidden": self.dims.hidden,
            "heads": self.dims.heads,
            "intermediate": self.dims.intermediate,
            "vocabulary": int(self.config.vocab_size),
            "parameters": self.parameter_count(),
        }

    def run(self, batch: Batch, reads: Reads) -> Outputs:
        """Run the network and collect what `reads` names. Gradients as the caller's context has them."""
        layout: Layout = (
            Packed.of(batch, firsts=self.parts.relation is not None)
            if self.packs
            else Padded(batch, self.config.pad_token_id or 0)
        )
        inputs = layout.inputs(self.backbone.first_position(self.config))
        if not reads_token_types(self.config):
            del inputs["token_type_ids"]
        last = self.dims.layers
        tapped_reads = reads.with_layers(["hidden"], {last}) if reads.pooled else reads
        with taps.recording(taps.Recording(tapped_reads, layout, last, self.per_word)) as outputs:
            if self.parts.classifier is None or self.parts.replaced is not None:
                hidden = self.network.base_model(**inputs).last_hidden_state  # type: ignore[operator]
                self._pretrained(hidden, layout, reads, outputs)
            else:
                logits = self.network(**inputs).logits
                if reads.logits:
                    outputs.logits = layout.answers(logits, per_word=self.per_word)
        if reads.pooled:
            states = outputs.hidden[last] if last in reads.hidden else outputs.hidden.pop(last)
            outputs.pooled = {pooling: pooled(states, batch, pooling) for pooling in reads.pooled}
        return outputs

    def _pretrained(self, hidden: Tensor, layout: Layout, reads: Reads, outputs: Outputs) -> None:
        """What the heads of pre-training make of the last hidden states, as far as they are there and read."""
        if reads.logits and (head := self.parts.vocabulary) is not None:
            features = head.features(layout.answers(hidden, per_word=True))
            outputs.vocabulary = Vocabulary(features, head.weight(), head.bias())
        if reads.logits and self.parts.replaced is not None:
            outputs.logits = self.parts.replaced(layout.answers(hidden, per_word=True))[:, None]
        if reads.relation and self.parts.relation is not None:
            first = layout.first_tokens(hidden)
            for linear in self.parts.head:
                first = linear(first).tanh()
            outputs.relation = self.parts.relation(first)


def tapped(network: nn.Module, *, per_word: bool) -> Model:
    """Wrap a network whose family is on the backbones shelf.

    Args:
        network: The network.
        per_word: Whether it answers for words; those that were made for pre-training always answer for tokens.

    Raises:
        ShelfError: Its family is not.
    """
    backbone = backbone_of(network.config)
    parts = backbone.parts(network)
    taps.install(network, parts)
    if not backbone.PACKS and (padding := parts.tables[0].padding_idx) is not None:
        with torch.no_grad():  # what lies past a text's end is nothing, as where the text stands alone
            parts.tables[0].weight[padding] = 0
    for_tokens = parts.vocabulary is not None or parts.replaced is not None
    dims = _answering(backbone.dims(network.config), parts, network.config)
    return Model(network, backbone, dims, parts, per_word or for_tokens, backbone.PACKS)


def _answering(dims: Dims, parts: Parts, config: Any) -> Dims:
    if parts.vocabulary is not None:
        return replace(dims, labels=parts.vocabulary.decoder.out_features, over_tokens=True)
    labels = parts.classifier.out_features if parts.classifier else 0
    return replace(dims, labels=labels, answer="classes" if parts.replaced is not None else answer_of(config))


def reads_token_types(config: Any) -> bool:
    """Whether a network tells the second text of a pair by token types; of RoBERTa's single type nothing is told."""
    return getattr(config, "type_vocab_size", 0) > 1


def longest_input(config: Any) -> int:
    """Most tokens of an input: as many as there are positions from the family's first one on."""
    return int(config.max_position_embeddings) - backbone_of(config).first_position(config)


def answer_of(config: Any) -> Answer:
    """What the logits mean, by `problem_type` of a configuration; a lone logit is a value, as stock classes take it."""
    return PROBLEMS.get(config.problem_type or ("regression" if config.num_labels == 1 else ""), "class")


def backbone_of(config: Any) -> Backbone:
    """The backbone file for a configuration, by its `model_type`."""
    found: Backbone = shelf("backbones").load(str(config.model_type).replace("-", "_"))
    return found


def frozen(model: Model) -> Model:
    """Put a model in eval mode and switch its gradients off: the one place where teachers are made."""
    model.network.eval().requires_grad_(False)
    return model


def best_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

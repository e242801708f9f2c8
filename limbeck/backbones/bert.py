"""BERT: post-LN encoder, learned positions, token types, pooler (Devlin et al. 2018, arXiv:1810.04805).

Reads `model_type: bert`. Heads: sequence classification (tanh pooler over [CLS]) and token classification.
"""

import copy
from typing import Any

from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.ports import LayerParts, Parts
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """BERT has nothing to choose beyond its size, which the student's shape gives."""


PACKS = True


def first_position(config: Any) -> int:
    """Positions count from 0."""
    return 0


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return Dims(config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.intermediate_size)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are."""
    encoder = network.base_model
    embeddings = encoder.embeddings
    tables = (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings)
    head = [encoder.pooler.dense] if getattr(encoder, "pooler", None) is not None else []
    layers = [_layer(layer) for layer in encoder.encoder.layer]
    return Parts(embeddings, tables, embeddings.LayerNorm, layers, head, getattr(network, "classifier", None))


def _layer(layer: Any) -> LayerParts:
    attention = layer.attention.self
    return LayerParts(
        layer=layer,
        attention=attention,
        query=attention.query,
        key=attention.key,
        value=attention.value,
        attention_out=layer.attention.output.dense,
        attention_norm=layer.attention.output.LayerNorm,
        ffn_in=layer.intermediate.dense,
        ffn_out=layer.output.dense,
        ffn_norm=layer.output.LayerNorm,
        attention_join=layer.attention.output,
    )


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another size: that of a student of this family."""
    changed = copy.deepcopy(config)
    changed.num_hidden_layers = dims.layers
    changed.hidden_size = dims.hidden
    changed.num_attention_heads = dims.heads
    changed.intermediate_size = dims.intermediate
    return changed

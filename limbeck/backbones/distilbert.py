"""DistilBERT: BERT without token types and pooler (Sanh et al. 2019, arXiv:1910.01108, section 3).

Reads `model_type: distilbert`. Positions are learned or sinusoidal, as `config.sinusoidal_pos_embds` says. Heads:
sequence classification (a ReLU layer over [CLS]), token classification, masked language model.
"""

import copy
from typing import Any

from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.ports import LayerParts, Parts, VocabularyHead
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """DistilBERT has nothing to choose beyond its size, which the student's shape gives."""


PACKS = True


def first_position(config: Any) -> int:
    """Positions count from 0."""
    return 0


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return Dims(config.n_layers, config.dim, config.n_heads, config.hidden_dim)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are."""
    encoder = network.base_model
    embeddings = encoder.embeddings
    tables = (embeddings.word_embeddings, embeddings.position_embeddings)
    head = [network.pre_classifier] if hasattr(network, "pre_classifier") else []
    layers = [_layer(layer) for layer in encoder.transformer.layer]
    classifier = getattr(network, "classifier", None)
    return Parts(embeddings, tables, embeddings.LayerNorm, None, layers, head, classifier, _vocabulary(network))


def _vocabulary(network: Any) -> VocabularyHead | None:
    if not hasattr(network, "vocab_projector"):
        return None
    dense, norm = network.vocab_transform, network.vocab_layer_norm
    return VocabularyHead(dense, network.activation, norm, network.vocab_projector)


def _layer(layer: Any) -> LayerParts:
    attention = layer.attention
    return LayerParts(
        layer=layer,
        attention=attention,
        query=attention.q_lin,
        key=attention.k_lin,
        value=attention.v_lin,
        attention_out=attention.out_lin,
        attention_norm=layer.sa_layer_norm,
        ffn_in=layer.ffn.lin1,
        ffn_out=layer.ffn.lin2,
        ffn_norm=layer.output_layer_norm,
    )


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another size: that of a student of this family."""
    changed = copy.deepcopy(config)
    changed.n_layers = dims.layers
    changed.dim = dims.hidden
    changed.n_heads = dims.heads
    changed.hidden_dim = dims.intermediate
    return changed

"""What BERT's kin have in common: the names of sizes in their configurations and of parts in their networks."""

import copy
from dataclasses import replace
from typing import Any

from torch.nn.functional import gelu

from limbeck.nn.ports import LayerParts, Parts, VocabularyHead
from limbeck.nn.types import Dims


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return Dims(config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.intermediate_size)


def resized(config: Any, dims: Dims, **others: Any) -> Any:
    """A copy of a configuration with another size.

    Args:
        config: The one to copy.
        dims: The size.
        **others: Further fields that change.
    """
    changed = copy.deepcopy(config)
    changed.num_hidden_layers = dims.layers
    changed.hidden_size = dims.hidden
    changed.num_attention_heads = dims.heads
    changed.intermediate_size = dims.intermediate
    for name, value in others.items():
        setattr(changed, name, value)
    return changed


def parts(network: Any) -> Parts:
    """Where the parts are of a network whose layers are named as BERT's.

    Heads of whole texts are a pooler in the encoder and a linear classifier, or (RoBERTa, ELECTRA) a classifier of two
    layers, `dense` and `out_proj`. Those of pre-training lie in `cls` (BERT, MobileBERT).
    """
    encoder = network.base_model
    embeddings, projection = encoder.embeddings, getattr(encoder, "embeddings_project", None)
    classifier: Any = getattr(network, "classifier", None)
    ends: tuple[Any, ...] = (getattr(encoder, "pooler", None), classifier)
    return Parts(
        embeddings=embeddings if projection is None else projection,
        tables=tables(embeddings),
        embedding_norm=embeddings.LayerNorm,
        projection=projection,
        layers=[layer_parts(layer) for layer in encoder.encoder.layer],
        head=[part.dense for part in ends if hasattr(part, "dense")],
        classifier=getattr(classifier, "out_proj", classifier),
        vocabulary=_vocabulary(network.cls.predictions) if hasattr(network, "cls") else None,
        relation=getattr(getattr(network, "cls", None), "seq_relationship", None),
    )


def _vocabulary(predictions: Any) -> VocabularyHead:
    transform = predictions.transform
    return VocabularyHead(
        dense=transform.dense,
        activation=transform.transform_act_fn,
        norm=transform.LayerNorm,
        decoder=predictions.decoder,
        beyond=getattr(predictions, "dense", None),
    )


def roberta_parts(network: Any) -> Parts:
    """Those of RoBERTa and XLM-R, whose masked language models have their head in `lm_head`."""
    found, head = parts(network), getattr(network, "lm_head", None)
    if head is None:
        return found
    return replace(found, vocabulary=VocabularyHead(head.dense, gelu, head.layer_norm, head.decoder))


def tables(embeddings: Any) -> tuple[Any, ...]:
    """The tables of tokens, positions and token types."""
    return embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings


def layer_parts(layer: Any) -> LayerParts:
    """Where the parts of one layer are."""
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

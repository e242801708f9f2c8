"""ALBERT: one layer called many times, on factorised embeddings (Lan et al. 2019, arXiv:1909.11942, section 3.1).

Reads `model_type: albert`. Every call of the layer counts as a layer. A shallower student calls it fewer times: it is
faster and hardly smaller. Embeddings (128 wide) are widened by a linear layer, whose output is hidden state 0; students
keep their width. Heads: sequence classification (tanh pooler over [CLS]), token classification, masked language model,
and that with sentence-order prediction (section 3.1), before whose classifier stock networks drop some of the pooler's
features while they learn, and Limbeck none.
"""

from dataclasses import replace
from typing import Any

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn import bert_kin
from limbeck.nn.ports import LayerParts, Parts, VocabularyHead
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """ALBERT has nothing to choose beyond its size, which the student's shape gives."""


PACKS = True


def first_position(config: Any) -> int:
    """Positions count from 0."""
    return 0


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return replace(bert_kin.dims(config), layers=config.num_hidden_layers * config.inner_group_num)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are; a layer stands there as often as it is called."""
    model, config = network.base_model, network.config
    encoder, pooler = model.encoder, model.pooler
    groups = [encoder.albert_layer_groups[number] for number in _called(config)]
    return Parts(
        embeddings=encoder.embedding_hidden_mapping_in,
        tables=bert_kin.tables(model.embeddings),
        embedding_norm=model.embeddings.LayerNorm,
        projection=encoder.embedding_hidden_mapping_in,
        layers=[_layer(layer) for group in groups for layer in group.albert_layers],
        head=[] if pooler is None else [pooler],
        classifier=getattr(network, "classifier", None),
        vocabulary=_vocabulary(network.predictions) if hasattr(network, "predictions") else None,
        relation=network.sop_classifier.classifier if hasattr(network, "sop_classifier") else None,
    )


def _vocabulary(head: Any) -> VocabularyHead:
    return VocabularyHead(head.dense, head.activation, head.LayerNorm, head.decoder)


def _called(config: Any) -> list[int]:
    """The group of layers that is called at each step; groups take turns of equal length."""
    steps = config.num_hidden_layers
    return [int(step / (steps / config.num_hidden_groups)) for step in range(steps)]


def _layer(layer: Any) -> LayerParts:
    attention = layer.attention
    return LayerParts(
        layer=layer,
        attention=attention,
        query=attention.query,
        key=attention.key,
        value=attention.value,
        attention_out=attention.dense,
        attention_norm=attention.LayerNorm,
        ffn_in=layer.ffn,
        ffn_out=layer.ffn_output,
        ffn_norm=layer.full_layer_layer_norm,
    )


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another size: that of a student of this family.

    Raises:
        RecipeError: There are several layers, which take turns that fewer layers would change.
    """
    if max(config.num_hidden_groups, config.inner_group_num) == 1:
        return bert_kin.resized(config, dims)
    own = config.num_hidden_layers * config.inner_group_num
    if dims.layers != own:
        raise RecipeError(
            f"student: layers={dims.layers}, but this ALBERT shares {config.num_hidden_groups} groups of "
            f"{config.inner_group_num} layers among its {own}, and only one shared layer can be called fewer times; "
            f"give layers={own}"
        )
    return bert_kin.resized(config, replace(dims, layers=config.num_hidden_layers))

"""ELECTRA: BERT trained to tell replaced tokens, with narrower embeddings (Clark et al. 2020, arXiv:2003.10555).

Reads `model_type: electra`, of discriminators as of generators. Embeddings that are narrower than the residual stream
(small: 128 of 256, section 3.3) are widened by a linear layer, whose output is hidden state 0. Heads: sequence
classification (a GELU layer over [CLS], no pooler), token classification, masked language model (the generator's) and
replaced tokens (the discriminator's).
"""

from dataclasses import replace
from typing import Any

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn import bert_kin
from limbeck.nn.ports import Parts, VocabularyHead
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """ELECTRA has nothing to choose beyond its size, which the student's shape gives."""


PACKS = True


def first_position(config: Any) -> int:
    """Positions count from 0."""
    return 0


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return bert_kin.dims(config)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are."""
    found = bert_kin.parts(network)
    if hasattr(network, "generator_predictions"):
        head = network.generator_predictions
        return replace(
            found, vocabulary=VocabularyHead(head.dense, head.activation, head.LayerNorm, network.generator_lm_head)
        )
    if hasattr(network, "discriminator_predictions"):
        head = network.discriminator_predictions
        return replace(found, head=[head.dense], classifier=head.dense_prediction, replaced=head)
    return found


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another size: that of a student of this family.

    Embeddings as wide as the residual stream stay so; narrower ones keep their width.

    Raises:
        RecipeError: A student would be as wide as narrower embeddings: such networks have no layer between the two.
    """
    if config.embedding_size == config.hidden_size:
        return bert_kin.resized(config, dims, embedding_size=dims.hidden)
    if config.embedding_size == dims.hidden:
        raise RecipeError(
            f"student: hidden={dims.hidden} is the width of this ELECTRA's embeddings, and networks of that size lack "
            "the layer between the two; give another hidden, or change the layers alone"
        )
    return bert_kin.resized(config, dims)

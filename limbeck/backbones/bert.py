"""BERT: post-LN encoder, learned positions, token types, pooler (Devlin et al. 2018, arXiv:1810.04805).

Reads `model_type: bert`. Heads: sequence classification (tanh pooler over [CLS]), token classification,
masked language model, and that with next-sentence prediction (section 3.1).
"""

from typing import Any

from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn import bert_kin
from limbeck.nn.ports import Parts
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """BERT has nothing to choose beyond its size, which the student's shape gives."""


PACKS = True


def first_position(config: Any) -> int:
    """Positions count from 0."""
    return 0


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return bert_kin.dims(config)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are."""
    return bert_kin.parts(network)


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another size: that of a student of this family."""
    return bert_kin.resized(config, dims)

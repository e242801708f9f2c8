"""RoBERTa: BERT trained longer, on byte-level BPE, without token types (Liu et al. 2019, arXiv:1907.11692).

Reads `model_type: roberta`. Positions begin after the padding's, so that a table of 514 rows serves 512 tokens. Heads:
sequence classification (a tanh layer over <s>, no pooler), token classification, masked language model.
"""

from typing import Any

from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn import bert_kin
from limbeck.nn.ports import Parts
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """RoBERTa has nothing to choose beyond its size, which the student's shape gives."""


PACKS = True


def first_position(config: Any) -> int:
    """The number after padding's, which is that of the padding token."""
    return int(config.pad_token_id) + 1


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return bert_kin.dims(config)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are."""
    return bert_kin.roberta_parts(network)


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another size: that of a student of this family."""
    return bert_kin.resized(config, dims)

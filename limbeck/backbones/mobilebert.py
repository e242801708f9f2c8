"""MobileBERT: deep and thin, with bottlenecks around each layer (Sun et al. 2020, arXiv:2004.02984, section 3).

Reads `model_type: mobilebert`. Layers work at 128 features inside a residual stream of 512, and have several
feed-forward parts, of which the last counts as the layer's. Students change depth alone: widths are tied together by
the bottlenecks. A token's embedding sees its two neighbours, so batches are padded, and padding is embedded as zero,
which is what a text that stands alone sees past its ends. Heads: sequence and token classification, masked language
model, and that with next-sentence prediction; features there are wider than token vectors, which meet a part of them.
"""

from dataclasses import replace
from typing import Any

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn import bert_kin
from limbeck.nn.ports import Parts
from limbeck.nn.types import Dims


class Spec(CoreSpec):
    """MobileBERT has nothing to choose beyond its depth, which the student's shape gives."""


PACKS = False


def first_position(config: Any) -> int:
    """Positions count from 0."""
    return 0


def dims(config: Any) -> Dims:
    """The size that a configuration describes."""
    return replace(bert_kin.dims(config), attention=config.true_hidden_size)


def parts(network: Any) -> Parts:
    """Where the parts of a network of this family are."""
    found = bert_kin.parts(network)
    # Beyond the attention a layer reads its whole input once more: the residual around its bottleneck.
    return replace(found, layers=[replace(layer, attention_join=None) for layer in found.layers])


def build(spec: Spec, config: Any, dims: Dims) -> Any:
    """A copy of the configuration with another depth: that of a student of this family.

    Raises:
        RecipeError: Another width is asked for.
    """
    own = bert_kin.dims(config)
    wanted, there = ((d.hidden, d.heads, d.intermediate) for d in (dims, own))
    if wanted != there:
        raise RecipeError(
            f"student: MobileBERT's bottlenecks tie its widths together, and only the layers can change (found hidden, "
            f"heads, intermediate = {wanted}, and there are {there}); give layers=N,hidden={own.hidden},"
            f"heads={own.heads},intermediate={own.intermediate}"
        )
    return bert_kin.resized(config, dims)

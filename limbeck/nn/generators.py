"""ELECTRA's generator: a narrower masked language model of the same family that shares the network's embeddings."""

import copy
from typing import Any

from limbeck.nn.beginnings import MASKED_LM
from limbeck.nn.checkpoint import fresh
from limbeck.nn.model import Model, tapped


def generator_of(model: Model, part: float) -> Model:
    """A generator for a network that tells which tokens were replaced (Clark et al. 2020, arXiv:2003.10555, 3.1, 3.2).

    As deep as the network; its tables of tokens, positions and token types are the network's, which learns them from
    both losses.

    Args:
        model: The network.
        part: Its width, heads and neurons, as part of the network's, 0 < part ≤ 1.
    """
    own = model.dims
    heads = max(1, round(own.heads * part))
    config = copy.deepcopy(model.config)
    config.num_attention_heads = heads
    config.hidden_size = heads * (own.hidden // own.heads)
    config.intermediate_size = max(1, round(own.intermediate * part))
    network: Any = fresh(config, MASKED_LM)
    mine: Any = network.base_model.embeddings
    its: Any = model.network.base_model.embeddings  # type: ignore[union-attr]
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        setattr(mine, name, getattr(its, name))
    network.tie_weights()
    return tapped(network, per_word=True)

"""What a forward pass costs, whatever machine makes it."""

from typing import TypeVar

import numpy as np
from torch import nn

from limbeck.nn.ports import Parts
from limbeck.nn.types import Dims

Tokens = TypeVar("Tokens", float, np.ndarray)


def forward_flops(parts: Parts, dims: Dims, length: Tokens) -> Tokens:
    """FLOPs of an encoder on one input: two for each multiplication and addition of its matrix products.

    The convention of Clark et al. 2020, arXiv:2003.10555, appendix, less what is small: not counted are the head,
    which answers for few tokens, softmax, activations and normalisations; and looking up embeddings, which is none.

    Args:
        parts: The encoder's; weights are not read, so that they may be on the meta device.
        dims: Its size.
        length: Tokens of the input, or an array of such, each priced.

    >>> from transformers import BertConfig, BertModel
    >>> from limbeck.nn.bert_kin import dims, parts
    >>> config = BertConfig(hidden_size=2, num_hidden_layers=1, num_attention_heads=1, intermediate_size=3)
    >>> forward_flops(parts(BertModel(config)), dims(config), 5.0)  # 2 · (4 · 2² + 2 · 2 · 3) · 5 + 4 · 2 · 5²
    480.0
    """
    blocks = (parts.embeddings, *(layer.layer for layer in parts.layers))
    weights = sum(one.weight.numel() for block in blocks for one in block.modules() if isinstance(one, nn.Linear))
    flops: Tokens = 2 * weights * length + 4 * dims.layers * dims.attended * length**2
    return flops

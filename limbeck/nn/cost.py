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

    >>> linear = nn.Linear(2, 2)
    >>> Parts = type("Parts", (), {"embeddings": nn.Embedding(9, 2), "layers": [type("Layer", (), {"layer": linear})]})
    >>> forward_flops(Parts, Dims(1, 2, 1, 2), 3.0)  # 2 · 4 weights · 3 tokens + 2 products · 2 · 2 wide · 3² pairs
    96.0
    """
    blocks = (parts.embeddings, *(layer.layer for layer in parts.layers))
    weights = sum(one.weight.numel() for block in blocks for one in block.modules() if isinstance(one, nn.Linear))
    flops: Tokens = 2 * weights * length + 4 * dims.layers * dims.attended * length**2
    return flops

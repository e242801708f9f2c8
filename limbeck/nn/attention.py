"""Attention itself."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import dropout, scaled_dot_product_attention

Heads = Float[Tensor, "rows heads length head_dim"]

_SHORT = range(16, 49)
"""Lengths at which, on a CPU, plain products and their gradients take half the time of the fused kernel: measured with
12 heads of 32 features. Below it is the other way round, above they take the same and hold the maps."""


def attend(query: Heads, key: Heads, value: Heads, **options: Any) -> Heads:
    """PyTorch's scaled dot-product attention, which takes `options`; on a CPU always in fp32.

    There the backward kernel takes 4 to 10 times as long in half precision up to 128 tokens, and nothing less beyond:
    it would cost more than all that bf16 wins in the linear layers.
    """
    if query.device.type != "cpu":
        return scaled_dot_product_attention(query, key, value, **options)
    if query.dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", enabled=False):
            return attend(query.float(), key.float(), value.float(), **options).to(query.dtype)
    if query.requires_grad and query.shape[2] in _SHORT and options.get("attn_mask") is None:
        return _plain(query, key, value, options.get("dropout_p", 0.0), options.get("scale"))
    return scaled_dot_product_attention(query, key, value, **options)


def _plain(query: Heads, key: Heads, value: Heads, dropout_p: float, scale: float | None) -> Heads:
    scores = (query * (scale or 1 / math.sqrt(query.shape[-1]))) @ key.transpose(-1, -2)
    return dropout(scores.softmax(-1), dropout_p) @ value

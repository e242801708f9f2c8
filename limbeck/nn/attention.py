"""Attention itself, and what it is made of as far as objectives compare it."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


def scaled_products(
    left: Float[Tensor, "rows length heads head_dim"], right: Float[Tensor, "rows length heads head_dim"]
) -> Float[Tensor, "rows heads length length"]:
    """Products of every left vector with every right vector of its text and head, over the root of the head's size.

    Of queries and keys these are the attention scores before the softmax.

    >>> queries = torch.tensor([[[[1.0, 3.0, 0.0, 0.0]]]])  # one token, one head of four features
    >>> scaled_products(queries, queries).item()  # (1 + 9) / √4
    5.0
    """
    scaled = left.float() / math.sqrt(left.shape[-1])
    products: Tensor = scaled.transpose(1, 2) @ right.float().permute(0, 2, 3, 1)
    return products


def attend(
    query: Float[Tensor, "rows heads length head_dim"],
    key: Float[Tensor, "rows heads length head_dim"],
    value: Float[Tensor, "rows heads length head_dim"],
    **options: Any,
) -> Float[Tensor, "rows heads length head_dim"]:
    """PyTorch's scaled dot-product attention, which takes `options`; on a CPU always in fp32.

    There the backward kernel takes 4 to 10 times as long in half precision up to 128 tokens, and nothing less beyond:
    it would cost more than all that bf16 wins in the linear layers.
    """
    if query.device.type != "cpu" or query.dtype not in (torch.bfloat16, torch.float16):
        return scaled_dot_product_attention(query, key, value, **options)
    with torch.autocast("cpu", enabled=False):
        wide = scaled_dot_product_attention(query.float(), key.float(), value.float(), **options)
    return wide.to(query.dtype)

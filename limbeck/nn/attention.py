"""Attention itself."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


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

"""What attention is made of, as far as objectives compare it."""

import math

from jaxtyping import Float
from torch import Tensor


def scaled_products(
    left: Float[Tensor, "rows length heads head_dim"], right: Float[Tensor, "rows length heads head_dim"]
) -> Float[Tensor, "rows heads length length"]:
    """Products of every left vector with every right vector of its text and head, over the root of the head's size.

    Of queries and keys these are the attention scores before the softmax.

    >>> import torch
    >>> queries = torch.tensor([[[[1.0, 3.0, 0.0, 0.0]]]])  # one token, one head of four features
    >>> scaled_products(queries, queries).item()  # (1 + 9) / √4
    5.0
    """
    scaled = left.float() / math.sqrt(left.shape[-1])
    products: Tensor = scaled.transpose(1, 2) @ right.float().permute(0, 2, 3, 1)
    return products

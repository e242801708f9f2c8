"""Values whose gradients were found with them, so that nothing needs to be kept from which they could be."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def with_gradients(value: Float[Tensor, ""], found: Iterable[tuple[Tensor, Tensor]]) -> Float[Tensor, ""]:
    """The value, whose gradient for each tensor is the one beside it: that of `x · g`, which less itself adds nothing.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> value = with_gradients(torch.tensor(5.0), [(x, torch.tensor([3.0, 4.0]))])
    >>> value.backward()
    >>> value.item(), x.grad.tolist()
    (5.0, [3.0, 4.0])
    """
    for tensor, gradient in found:
        product = torch.dot(tensor.float().flatten(), gradient.flatten())
        value = value + (product - product.detach())
    return value

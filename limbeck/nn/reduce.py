"""The only place where temperature and means are handled, so that every objective agrees on them."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def mean_over(parts: Iterable[Float[Tensor, "*_"]]) -> Float[Tensor, ""]:
    """Mean over all elements of several tensors, every element counted once; of none, 0.

    >>> mean_over([torch.tensor([[1.0, 3.0]]), torch.tensor([8.0])]).item()
    4.0
    """
    found = list(parts)
    return torch.stack([part.sum() for part in found]).sum() / max(sum(part.numel() for part in found), 1)


def kl_divergence(
    student: Float[Tensor, "*rows classes"], teacher: Float[Tensor, "*rows classes"], temperature: float = 1.0
) -> Float[Tensor, "*rows"]:
    """`T² · KL(teacher ‖ student)` of each row of logits, natural logarithm (Hinton et al. 2015, arXiv:1503.02531).

    The factor T² keeps the gradient's size independent of T (section 2 there).

    >>> even, sure = torch.tensor([0.0, 0.0]), torch.tensor([0.0, 100.0])
    >>> round(kl_divergence(even, sure).item(), 4)  # KL((0, 1) ‖ (½, ½)) = ln 2
    0.6931
    """
    t = (teacher.float() / temperature).log_softmax(-1)
    s = (student.float() / temperature).log_softmax(-1)
    return temperature**2 * torch.sum(t.exp() * (t - s), dim=-1)

"""The only place where temperature and means are handled, so that every objective agrees on them."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss

from limbeck.nn.types import Batch, Pooling


def mean_over(parts: Iterable[Float[Tensor, "*_"]]) -> Float[Tensor, ""]:
    """Mean over all elements of several tensors, every element counted once; of none, 0.

    >>> mean_over([torch.tensor([[1.0, 3.0]]), torch.tensor([8.0])]).item()
    4.0
    """
    found = list(parts)
    return torch.stack([part.sum() for part in found]).sum() / max(sum(part.numel() for part in found), 1)


def mean_squared(student: Float[Tensor, "*shape"], teacher: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Mean squared difference over all elements; of none, 0.

    >>> mean_squared(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]])).item()
    5.0
    """
    total = mse_loss(student.float(), teacher.float(), reduction="sum")
    return total / max(student.numel(), 1)


def pooled(values: Float[Tensor, "tokens hidden"], batch: Batch, pooling: Pooling) -> Float[Tensor, "batch hidden"]:
    """One vector for each row.

    >>> ids = torch.arange(3)
    >>> batch = Batch(ids, ids * 0, (1, 2), ids[:2], torch.tensor([0, 1]), ids[:2])
    >>> pooled(torch.tensor([[1.0], [2.0], [4.0]]), batch, "mean").tolist()
    [[1.0], [3.0]]
    """
    rows = batch.by_length(values.float())
    return torch.cat([part.mean(1) if pooling == "mean" else part[:, 0] for part in rows])


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

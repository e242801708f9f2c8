"""The only place where padding, temperature and means are handled, so that every objective agrees on them."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(values: Float[Tensor, "batch seq *rest"], real: Bool[Tensor, "batch seq"]) -> Float[Tensor, ""]:
    """Mean over real positions and all further axes.

    >>> values = torch.tensor([[[1.0, 3.0], [100.0, 100.0]]])
    >>> masked_mean(values, torch.tensor([[True, False]])).item()
    2.0
    """
    chosen = values[real]
    return chosen.mean() if chosen.numel() else values.sum() * 0.0


def pair_mean(values: Float[Tensor, "batch heads seq seq"], real: Bool[Tensor, "batch seq"]) -> Float[Tensor, ""]:
    """Mean over heads, real rows and real columns of attention-like maps, every pair counted once."""
    both = (real[:, :, None] & real[:, None, :])[:, None]
    count = both.sum() * values.shape[1]
    return torch.where(both, values, 0.0).sum() / count.clamp(min=1)


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


def mask_columns(
    scores: Float[Tensor, "batch heads seq seq"], real: Bool[Tensor, "batch seq"]
) -> Float[Tensor, "batch heads seq seq"]:
    """Scores with padded columns at the lowest finite value, so that a softmax gives them nothing."""
    return scores.masked_fill(~real[:, None, None, :], torch.finfo(scores.dtype).min)

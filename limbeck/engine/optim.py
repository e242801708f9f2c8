"""The optimiser and its schedule: fused AdamW, but of the word table the touched rows alone; warm-up, then decay."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from limbeck.engine.touched import LazyAdam

Schedule = Literal["linear", "cosine", "constant"]

_BETAS = (0.9, 0.999)
_EPSILON = 1e-6
"""BERT's own value (Devlin et al. 2018's code); Adam's 1e-8 is lost in half precision."""


def optimizers(
    module: nn.Module, by_row: Iterable[nn.Embedding], learning_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) over the trainable parameters, in fused kernels.

    Of tables updated by row a step changes the rows that its batch touched; see `LazyAdam`.

    Args:
        module: Whose parameters are trained.
        by_row: Trainable tables in it to be updated by row, whose gradients come from `hand_over`.
        learning_rate: Peak rate, > 0.
        weight_decay: Decoupled decay of matrices; vectors (biases, LayerNorm) have none, as in BERT.
    """
    weights = [table.weight for table in by_row]
    apart = set(map(id, weights))
    trained = [p for p in module.parameters() if p.requires_grad and id(p) not in apart]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    made: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=learning_rate, betas=_BETAS, eps=_EPSILON, fused=True)
    ]
    if weights:
        made.append(LazyAdam(weights, learning_rate, _BETAS, _EPSILON))
    return made


def clip(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients so that their joint norm is at most `limit`; of tables updated by row, the touched rows'.

    Returns:
        The norm before.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    found = [gradient.values() if gradient.is_sparse else gradient for gradient in gradients]
    norm = nn.utils.get_total_norm(found)
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(found, scale)
    return norm


def schedule(optimizer: torch.optim.Optimizer, name: Schedule, warmup_steps: int, total_steps: int) -> Any:
    """The rate over time: linear warm-up, then linear or cosine decay to 0, or none."""
    from transformers import get_scheduler

    full = "constant_with_warmup" if name == "constant" else name
    return get_scheduler(full, optimizer, num_warmup_steps=warmup_steps, num_training_steps=total_steps)

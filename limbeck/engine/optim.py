"""The optimiser and its schedule: fused AdamW, no decay on biases and norms, warm-up then decay."""

from typing import Any, Literal

import torch
from torch import nn

Schedule = Literal["linear", "cosine", "constant"]

_BETAS = (0.9, 0.999)
_EPSILON = 1e-6
"""BERT's own value (Devlin et al. 2018's code); Adam's 1e-8 is lost in half precision."""


def adamw(module: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) over the trainable parameters, in fused kernels.

    Args:
        module: Whose parameters are trained.
        learning_rate: Peak rate, > 0.
        weight_decay: Decoupled decay of matrices; vectors (biases, LayerNorm) have none, as in BERT.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=_BETAS, eps=_EPSILON, fused=True)


def schedule(optimizer: torch.optim.Optimizer, name: Schedule, warmup_steps: int, total_steps: int) -> Any:
    """The rate over time: linear warm-up, then linear or cosine decay to 0, or none."""
    from transformers import get_scheduler

    full = "constant_with_warmup" if name == "constant" else name
    return get_scheduler(full, optimizer, num_warmup_steps=warmup_steps, num_training_steps=total_steps)

"""The optimiser and its schedule: fused AdamW, but of the word table the touched rows alone; warm-up, then decay."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

Schedule = Literal["linear", "cosine", "constant"]

_BETAS = (0.9, 0.999)
_EPSILON = 1e-6
"""BERT's own value (Devlin et al. 2018's code); Adam's 1e-8 is lost in half precision."""


def optimizers(
    module: nn.Module, by_row: Iterable[nn.Embedding], learning_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) over the trainable parameters, in fused kernels.

    Tables updated by row follow lazy Adam instead, `torch.optim.SparseAdam`: a step changes the rows that its batch
    touched, their moments and nothing else, and there is no decay. A step then costs what the touched rows cost, not
    what the vocabulary costs: of a small student most parameters are word vectors. An accelerator is waited for once
    a step, as only then it is known how many rows were touched.

    Args:
        module: Whose parameters are trained.
        by_row: Tables in it to be updated by row; what reads their weights otherwise (a tied decoder) forbids that.
        learning_rate: Peak rate, > 0.
        weight_decay: Decoupled decay of matrices; vectors (biases, LayerNorm) have none, as in BERT.
    """
    tables = [table for table in by_row if table.weight.requires_grad]
    for table in tables:
        table.sparse = True
    apart = {id(table.weight) for table in tables}
    trained = [p for p in module.parameters() if p.requires_grad and id(p) not in apart]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    made: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=learning_rate, betas=_BETAS, eps=_EPSILON, fused=True)
    ]
    if tables:
        weights = [table.weight for table in tables]
        made.append(torch.optim.SparseAdam(weights, lr=learning_rate, betas=_BETAS, eps=_EPSILON))
    return made


def clip(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients so that their joint norm is at most `limit`; of tables updated by row, the touched rows'.

    Returns:
        The norm before.
    """
    found: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            found.append(parameter.grad.values())
        elif parameter.grad is not None:
            found.append(parameter.grad)
    norm = nn.utils.get_total_norm(found)
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(found, scale)
    return norm


def sum_rows(table: nn.Embedding, accelerator: Any) -> None:
    """Average the gradient of a table updated by row over processes, which gather the touched rows of all of them.

    Not every backend sums sparse gradients (NCCL does not), and all gather dense tensors.
    """
    assert table.weight.grad is not None
    own = table.weight.grad.coalesce()
    rows, values = own.indices()[0], own.values()
    # Filled up with a row that is there, and nothing is added to it.
    rows, values = (
        accelerator.gather(accelerator.pad_across_processes(x, pad_index=filling))
        for x, filling in ((rows, int(rows[0])), (values / accelerator.num_processes, 0))
    )
    table.weight.grad = torch.sparse_coo_tensor(rows[None], values, own.shape)


def schedule(optimizer: torch.optim.Optimizer, name: Schedule, warmup_steps: int, total_steps: int) -> Any:
    """The rate over time: linear warm-up, then linear or cosine decay to 0, or none."""
    from transformers import get_scheduler

    full = "constant_with_warmup" if name == "constant" else name
    return get_scheduler(full, optimizer, num_warmup_steps=warmup_steps, num_training_steps=total_steps)

"""Tables of which a step trains the rows that its batch touches: it then costs what these cost, not what all do.

Of a small student most parameters are word vectors, and most words are in no batch. Which are is known before a batch
is on its device, so that nothing is waited for to find them, and every process knows the same ones.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

Ids = Int[Tensor, " distinct"]


class Rows:
    """Copies of the rows that a batch touches, which have gradients in their table's place.

    Args:
        table: The table.
        ids: Which rows, ascending, each once.
    """

    def __init__(self, table: nn.Embedding, ids: Ids) -> None:
        self._ids, self._padding = ids, table.padding_idx
        weight, last = table.weight.detach(), table.padding_idx or 0
        # What a layout fills up with need not be among them: it reads the last one, which learns nothing.
        self._copies = torch.cat([weight.index_select(0, ids), weight[last : last + 1]]).requires_grad_()

    def read(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        """What the table gives, as a hook of its forward pass."""
        (asked,) = inputs
        places = torch.searchsorted(self._ids, asked).clamp(max=len(self._ids) - 1)
        known = self._ids[places] == asked
        if self._padding is not None:
            known &= asked != self._padding
        return functional.embedding(torch.where(known, places, len(self._ids)), self._copies)

    @property
    def gradient(self) -> Float[Tensor, "distinct hidden"] | None:
        """Of the rows; None where no loss depends on them."""
        return None if self._copies.grad is None else self._copies.grad[:-1]


@contextmanager
def touched(tables: Sequence[nn.Embedding], ids: Ids | None) -> Iterator[list[Rows]]:
    """Inside the block, the tables read copies of some of their rows.

    Args:
        tables: The tables; what reads their weights otherwise (a tied decoder) forbids that.
        ids: Which rows: all that the tables are asked for but padding. None will do where there is no table.
    """
    with ExitStack() as hooks:
        made = []
        for table in tables:
            assert ids is not None
            made.append(rows := Rows(table, ids))
            hooks.callback(table.register_forward_hook(rows.read).remove)
        yield made


def hand_over(table: nn.Embedding, ids: Ids, gradient: Float[Tensor, "distinct hidden"]) -> None:
    """Make the gradient of some rows, each there once, that of their table."""
    size = table.weight.shape
    table.weight.grad = torch.sparse_coo_tensor(ids[None], gradient, size, is_coalesced=True, check_invariants=False)


class LazyAdam(torch.optim.Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980) that changes the rows of which there is a gradient, and nothing else.

    Moments of rows that a step does not touch stay as they are, where Adam's would fade, and there is no decay. That is
    the rule of `torch.optim.SparseAdam`, which adds sparse tensors to whole tables; here rows are written in place.

    Args:
        tables: Matrices whose gradients come from `hand_over`.
        lr: Rate, > 0.
        betas: What stays at each step of the means of gradients, and of their squares.
        eps: What is added to the root of the latter.
    """

    def __init__(self, tables: Sequence[Tensor], lr: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__(tables, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update the rows; `closure` is not called."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    self._update(table, group)

    def _update(self, table: Tensor, group: dict[str, Any]) -> None:
        state, (fade, fade_squares) = self.state[table], group["betas"]
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(table), exp_avg_sq=torch.zeros_like(table))
        state["step"] += 1
        assert table.grad is not None
        ids, gradient = table.grad.indices()[0], table.grad.values()
        mean = state["exp_avg"].index_select(0, ids).lerp_(gradient, 1 - fade)
        square = state["exp_avg_sq"].index_select(0, ids).mul_(fade_squares)
        square.addcmul_(gradient, gradient, value=1 - fade_squares)
        state["exp_avg"].index_copy_(0, ids, mean)
        state["exp_avg_sq"].index_copy_(0, ids, square)
        rate = group["lr"] * (1 - fade_squares ** state["step"]) ** 0.5 / (1 - fade ** state["step"])
        table.index_add_(0, ids, mean.div_(square.sqrt_().add_(group["eps"])), alpha=-rate)

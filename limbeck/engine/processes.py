"""Several processes as one: `torchrun` starts them, the first decides and writes, all of them train."""

import os
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = timedelta(days=1)
"""How long the others wait while the first prepares, exports or measures."""


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this one decides and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def wait() -> None:
    """Go on when all have come here."""
    if count() > 1:
        import torch

        _join()
        torch.distributed.barrier()


def agree(value: T) -> T:
    """The first process's value, in all of them."""
    if count() == 1:
        return value
    import torch

    _join()
    found = [value]
    torch.distributed.broadcast_object_list(found)
    return found[0]


def _join() -> None:
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)

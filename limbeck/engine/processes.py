"""Several processes as one: `torchrun` or `accelerate launch` starts them, the first decides and writes, all train."""

import os
from datetime import timedelta
from typing import Any, TypeVar

from limbeck.core.errors import LimbeckError

T = TypeVar("T")

_PATIENCE = timedelta(days=1)
"""How long the others wait while the first prepares, exports or measures."""


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this one decides and writes."""
    return rank() == 0


def rank() -> int:
    """This process's number, from 0."""
    return int(os.environ.get("RANK", "0"))


def sharded() -> bool:
    """Whether weights, gradients and moments lie in parts, one in each process: accelerate's FSDP."""
    return count() > 1 and _asked("ACCELERATE_USE_FSDP")


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


def gathered(value: T) -> list[T]:
    """Each process's value, in their order, in all of them."""
    if count() == 1:
        return [value]
    import torch

    _join()
    found: list[Any] = [None] * count()
    torch.distributed.all_gather_object(found, value)
    return found


def _join() -> None:
    import torch
    from accelerate import PartialState

    _check()
    PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)


def _check() -> None:
    """Refuse what accelerate's configuration asks for and training does not know."""
    if _asked("ACCELERATE_USE_DEEPSPEED") or _asked("ACCELERATE_USE_MEGATRON_LM"):
        raise LimbeckError(
            "accelerate's configuration: models are trained whole in each process (distributed_type: MULTI_GPU) or in "
            "parts by FSDP (distributed_type: FSDP), not by DeepSpeed or Megatron-LM; choose one of these"
        )
    if sharded():
        if (version := os.environ.get("FSDP_VERSION", "1")) != "2":
            raise LimbeckError(f"accelerate's configuration: fsdp_version is {version}; set fsdp_version: 2")
        # Else transformers leaves weights empty in all processes but the first, and there are teachers in all of them.
        os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"


def _asked(variable: str) -> bool:
    return os.environ.get(variable, "false").lower() == "true"

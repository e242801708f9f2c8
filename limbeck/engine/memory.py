"""Memory that runs out is an error like others: it says where, and what to lower."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from limbeck.core.errors import TrainingError

_SIGNS = ("can't allocate memory", "not enough memory", "bad_alloc")
"""What PyTorch's allocator of a CPU says, in errors that have no class of their own."""


@contextmanager
def memory_told(place: str, remedy: Callable[[], str] = lambda: ". Set max_length to less") -> Iterator[None]:
    """Inside the block, what fails for want of memory says so.

    Args:
        place: What is being done.
        remedy: What it was too short for, and what to do.

    Raises:
        TrainingError: Memory is short.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(s in str(error) for s in _SIGNS)):
            raise
        raise TrainingError(f"{place}: memory is short{remedy()}") from error

"""A batch dealt out in parts, to processes or to one after the other."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from limbeck.nn.types import Batch, Unit


def dealt(
    rows: np.ndarray,
    count: int,
    counted: Callable[[np.ndarray], Mapping[Unit, int]],
    batch: Callable[[np.ndarray, Mapping[Unit, float]], Batch],
    distinct: Tensor,
) -> list[Batch]:
    """A batch in `count` parts as equal as may be, which know their shares of it.

    Where there are fewer rows than parts, some parts get a row that another has too, and no share.

    Args:
        rows: The whole batch, sorted by length, as each part then is.
        count: How many parts.
        counted: What is in some rows.
        batch: Makes the batch of some rows with their shares.
        distinct: Token ids that occur in the whole batch.
    """
    whole = counted(rows)
    parts = []
    for number in range(count):
        part = rows[number::count]
        share = {unit: n / max(whole[unit], 1) for unit, n in counted(part).items()}
        parts.append(replace(batch(part if len(part) else rows[:1], share), distinct=distinct))
    return parts


def sent(values: np.ndarray, device: torch.device) -> Tensor:
    """Values on a device, whole numbers as indices; it is not waited for."""
    whole = np.issubdtype(values.dtype, np.integer)
    return torch.from_numpy(values.astype(np.int64, copy=False) if whole else values).to(device, non_blocking=True)

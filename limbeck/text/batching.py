"""Which inputs go together: sorted by length, cut by tokens, so that little is padded."""

from collections.abc import Sequence

import numpy as np

from limbeck.text.encode import Encoded


def plan_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group indices into batches of similar length whose padded size stays within a budget.

    Args:
        lengths: Tokens of each input.
        token_budget: Most padded tokens per batch; a longer input gets a batch of its own.

    Returns:
        Lists of indices, longest inputs first.

    >>> plan_batches([3, 9, 4, 2], token_budget=9)
    [[1], [2, 0], [3]]
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= token_budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def pad(inputs: Sequence[Encoded], pad_id: int) -> dict[str, np.ndarray]:
    """Stack inputs into `[batch, seq]` int64 arrays `input_ids`, `attention_mask` and `token_type_ids`."""
    shape = (len(inputs), max(len(x) for x in inputs))
    arrays = {
        "input_ids": np.full(shape, pad_id, dtype=np.int64),
        "attention_mask": np.zeros(shape, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    for row, one in enumerate(inputs):
        arrays["input_ids"][row, : len(one)] = one.ids
        arrays["attention_mask"][row, : len(one)] = 1
        arrays["token_type_ids"][row, : len(one)] = one.type_ids
    return arrays

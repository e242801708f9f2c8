"""Runs of things that lie end to end in one flat array: where each begins, and all that some of them hold."""

from collections.abc import Sequence

import numpy as np


def offsets(sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where each of some runs begins, laid end to end, and where the last one ends.

    >>> offsets([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    found = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=found[1:])
    return found


def sizes(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How much some runs hold; of these alone, so that it costs the same however many others there are."""
    found: np.ndarray = offsets[rows + 1] - offsets[rows]
    return found


def spans(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """All places of some runs, run after run.

    >>> spans(np.array([0, 2, 5, 6]), np.array([2, 0])).tolist()
    [5, 0, 1]
    """
    counts = sizes(offsets, rows)
    return np.repeat(offsets[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())

"""Runs of places in a flat array, laid end to end without a loop."""

from collections.abc import Sequence

import numpy as np


def places(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """All places of some runs, run after run, int64.

    >>> places(np.array([5, 0]), np.array([1, 2])).tolist()
    [5, 0, 1]
    """
    lengths = np.asarray(lengths, np.int64)
    ends = np.cumsum(lengths)
    return np.asarray(np.repeat(np.asarray(starts, np.int64) - ends + lengths, lengths) + np.arange(lengths.sum()))


def offsets(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where each of some runs begins when they are laid end to end, and where the last one ends, int64.

    >>> offsets(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    found = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=found[1:])
    return found


def sizes(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How much some runs hold that lie end to end; of these alone, so that it costs the same whatever else there is."""
    found: np.ndarray = offsets[rows + 1] - offsets[rows]
    return found


def spans(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """All places of some runs that lie end to end, run after run.

    >>> spans(np.array([0, 2, 5, 6]), np.array([2, 0])).tolist()
    [5, 0, 1]
    """
    starts: np.ndarray = offsets[rows]
    counts = sizes(offsets, rows)
    if (counts == 1).all():  # as of text that is read character by character; five times faster
        return starts
    return places(starts, counts)

"""Which words of a text are hidden: a given part of its tokens, by weight, whole words or single tokens."""

import numpy as np

from limbeck.text.draws import Draws
from limbeck.text.pretext import Passages


def choose(
    passages: Passages,
    fraction: float,
    draws: Draws,
    special: np.ndarray,
    *,
    whole_words: bool = False,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Which tokens are hidden: of each row `fraction` of those that may be, at least one where there are any.

    Words are drawn one by one without replacement, each with a probability that is proportional to its weight: an
    exponential clock for each, which rings at −ln(u) / weight, gives that order (Efraimidis and Spirakis 2006,
    doi:10.1016/j.ipl.2005.11.003). One that is larger than what is left to hide is passed over, as in BERT's code;
    where every word is larger than all that is to be hidden, the first one drawn is hidden all the same.

    Args:
        passages: The rows.
        fraction: Part of the real tokens that are not special, 0 < fraction < 1.
        draws: Where the order comes from.
        special: Ids that are never hidden, though they stand in the text: that of unknown text.
        whole_words: Whether all tokens of a word are hidden together.
        weights: Of each token, > 0; a word's is the mean of its tokens'. None: all the same.

    Returns:
        `[tokens]`, true where hidden.

    >>> rows, begins = np.zeros(8, int), np.array([1, 1, 0, 0, 1, 0, 1, 1], bool)
    >>> real = np.array([0, 1, 1, 1, 1, 1, 1, 0], bool)
    >>> passages = Passages(np.arange(8), rows, begins, real, np.arange(8))
    >>> hidden = choose(passages, 0.5, Draws(1), np.array([0]), whole_words=True)  # 3 tokens, of words of 3, 2 and 1
    >>> len(set(hidden[1:4].tolist())), len(set(hidden[4:6].tolist())), int(hidden.sum())
    (1, 1, 3)
    """
    real = np.flatnonzero(passages.real & ~np.isin(passages.ids, special))
    rows = passages.rows[real]
    first = np.ones(len(real), bool)
    if whole_words:
        first[1:] = passages.begins[real][1:] | (np.diff(real) > 1) | (np.diff(rows) > 0)
    word = np.cumsum(first) - 1
    heads = np.flatnonzero(first)
    sizes = np.bincount(word)
    clock = -np.log1p(-draws.uniform("hide", passages.places[real[heads]]))
    if weights is not None:
        clock = clock / (np.bincount(word, weights[real]) / sizes)
    order = np.lexsort((clock, rows[heads]))
    room = np.maximum(np.round(fraction * np.bincount(rows)), 1)
    kept = np.zeros(len(heads), bool)
    kept[order] = _fitting(rows[heads][order], sizes[order], room)
    hidden = np.zeros(len(passages.ids), bool)
    hidden[real] = kept[word]
    return hidden


def _fitting(rows: np.ndarray, sizes: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Which words are taken, in the order given, each if its row still has room; of a row where none has, the first.

    Args:
        rows: The row of each word, ascending.
        sizes: Tokens of each, ≥ 1.
        room: Tokens that each row is to hide at most.

    >>> _fitting(np.array([0, 0, 0, 0, 1, 1]), np.array([2, 3, 1, 1, 9, 8]), np.array([4, 4])).tolist()
    [True, False, True, True, True, False]
    """
    left = np.flatnonzero(sizes <= room[rows])
    taken = np.diff(rows, prepend=-1) > 0
    taken[taken] = np.bincount(rows[left], minlength=len(room))[rows[taken]] == 0
    while len(left):  # as often as there are sizes at most: what is passed over is smaller each time
        row, size = rows[left], sizes[left]
        reached = np.cumsum(size)
        begins = np.searchsorted(row, row)  # each row's first place
        fits = reached - (reached - size)[begins] <= room[row]
        taken[left[fits]] = True
        room = room - np.bincount(row[fits], size[fits], minlength=len(room))
        left = left[~fits & (size <= room[row])]
    return taken

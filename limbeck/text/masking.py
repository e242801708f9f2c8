"""Which words of a text are hidden: a given part of its tokens, by weight, whole words or single tokens."""

import numpy as np

from limbeck.text.draws import Draws
from limbeck.text.pretext import Passages


def choose(
    passages: Passages, fraction: float, draws: Draws, *, whole_words: bool = False, weights: np.ndarray | None = None
) -> np.ndarray:
    """Which tokens are hidden: of each row `fraction` of its real ones, at least one where there are any.

    Words are drawn one by one without replacement, each with a probability that is proportional to its weight, until
    the next one would be too many: an exponential clock for each, which rings at −ln(u) / weight, gives that order
    (Efraimidis and Spirakis 2006, doi:10.1016/j.ipl.2005.11.003).

    Args:
        passages: The rows.
        fraction: Part of the real tokens, 0 < fraction < 1.
        draws: Where the order comes from.
        whole_words: Whether all tokens of a word are hidden together.
        weights: Of each token, > 0; a word's is the mean of its tokens'. None: all the same.

    Returns:
        `[tokens]`, true where hidden.

    >>> rows, begins = np.zeros(8, int), np.array([1, 1, 0, 0, 1, 0, 1, 1], bool)
    >>> real = np.array([0, 1, 1, 1, 1, 1, 1, 0], bool)
    >>> passages = Passages(np.arange(8), rows, begins, real, np.arange(8))
    >>> hidden = choose(passages, 0.5, Draws(1), whole_words=True)  # of words of 3, 2 and 1 tokens at most 3 tokens
    >>> len(set(hidden[1:4].tolist())), len(set(hidden[4:6].tolist())), int(hidden.sum()) <= 3
    (1, 1, True)
    """
    real = np.flatnonzero(passages.real)
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
    row = rows[heads][order]
    taken = np.cumsum(sizes[order])
    begins = np.searchsorted(row, row)  # each row's first place in the order
    before = np.where(begins > 0, taken[begins - 1], 0)
    budget = np.maximum(np.round(fraction * np.bincount(rows, minlength=int(rows.max(initial=0)) + 1)), 1)
    kept = np.zeros(len(heads), bool)
    kept[order] = (taken - before <= budget[row]) | (np.arange(len(row)) == begins)
    hidden = np.zeros(len(passages.ids), bool)
    hidden[real] = kept[word]
    return hidden

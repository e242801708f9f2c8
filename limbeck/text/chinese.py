"""Chinese text to words by jieba (github.com/fxsjy/jieba), as spaces do not separate them.

Only runs of Han characters are cut; what stands among them, letters, digits, emoji, is split as in every other text.
A run with Japanese kana is left in characters, as jieba's dictionary is Chinese.
"""

import functools
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from limbeck.core.shelf import missing_extra
from limbeck.text.words import Span, cjk_runs, classify, is_cjk

_KANA = range(0x3040, 0x3100)
_LONGEST_RUN = 1024
"""Characters that jieba is given at once, as its time grows with their square; no prose has more between two marks."""


def join_chinese(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join the characters that make up a Chinese word.

    Args:
        text: Any text.
        spans: Its words, where each Chinese character is one.

    Raises:
        ShelfError: jieba is needed and not installed.

    >>> join_chinese("我爱北京", [(0, 1), (1, 2), (2, 3), (3, 4)])
    [(0, 1), (1, 2), (2, 4)]
    """
    joined: list[Span] = []
    for run in _runs(text, spans):
        start, end = run[0][0], run[-1][1]
        if len(run) == 1 or _has_kana(text[start:end]):
            joined += run
        else:
            joined += ((start + a, start + b) for a, b in _cut(text[start:end]))
    return joined


def word_marks(text: str) -> np.ndarray | None:
    """Where words begin by the Chinese in a text: of each of its characters, and of its end.

    Within a run of Chinese by jieba; behind one; and, as spaces set off neither, at punctuation and behind it.

    Args:
        text: Any text.

    Returns:
        1 where a word begins, 0 where one goes on, −1 where the Chinese does not tell; None if there is no Chinese.

    Raises:
        ShelfError: jieba is needed and not installed.

    >>> word_marks("IBM 在北京，与ABC").tolist()
    [-1, -1, -1, -1, 1, 1, 0, 1, 1, 1, -1, -1, -1]
    """
    if not (runs := cjk_runs(text)):
        return None
    marks = np.full(len(text) + 1, -1, np.int8)
    punctuation = np.array([place for place, kind in enumerate(classify(text)) if kind == "p"], np.int64)
    marks[punctuation] = marks[punctuation + 1] = 1
    for start, end in runs:
        words = text[start:end]
        begins = range(end - start) if _has_kana(words) else [first for first, _ in _cut(words)]
        marks[start:end] = 0
        marks[np.array(begins) + start] = 1
        marks[end] = 1
    return marks


def _cut(run: str) -> Iterator[Span]:
    """Words of a run of Chinese characters."""
    for start in range(0, len(run), _LONGEST_RUN):
        yield from ((start + a, start + b) for _, a, b in _jieba().tokenize(run[start : start + _LONGEST_RUN]))


def _has_kana(text: str) -> bool:
    return any(ord(c) in _KANA for c in text)


def _runs(text: str, spans: Sequence[Span]) -> list[list[Span]]:
    """Chinese characters that touch are a run; every other word is one of its own."""
    runs = [[span] for span in spans[:1]]
    for (first, last), (start, end) in pairwise(spans):
        if last == start and is_cjk(text[first:last]) and is_cjk(text[start:end]):
            runs[-1].append((start, end))
        else:
            runs.append([(start, end)])
    return runs


@functools.cache
def _jieba() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its sources have escapes that Python has come to warn of
            import jieba
    except ModuleNotFoundError:
        raise missing_extra("jieba", "cutting Chinese text into words") from None
    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    with tempfile.TemporaryDirectory() as folder:  # not the shared one, where anybody may lay a file for it to load
        cutter.tmp_dir = folder
        cutter.initialize()
    return cutter

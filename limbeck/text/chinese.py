"""Chinese text to words by jieba (github.com/fxsjy/jieba), as spaces do not separate them.

Only runs of Han characters are cut; what stands among them, letters, digits, emoji, is split as in every other text.
A run with Japanese kana is left in characters, as jieba's dictionary is Chinese.
"""

import functools
import logging
import tempfile
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from limbeck.core.shelf import missing_extra
from limbeck.text.words import Span, cjk_runs, is_cjk

_KANA = range(0x3040, 0x3100)


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
            joined += ((start + a, start + b) for _, a, b in _jieba().tokenize(text[start:end]))
    return joined


def inner_characters(text: str) -> list[int]:
    """Places of the characters that go on with a Chinese word rather than begin one, ascending.

    Raises:
        ShelfError: jieba is needed and not installed.

    >>> inner_characters("IBM 在北京")
    [6]
    """
    return [
        start + place
        for start, end in cjk_runs(text)
        if end - start > 1 and not _has_kana(text[start:end])
        for _, first, last in _jieba().tokenize(text[start:end])
        for place in range(first + 1, last)
    ]


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

"""Which words of a sentence may be replaced, how a replacement is written, and how variants are drawn."""

from collections.abc import Mapping, Sequence
from random import Random

from limbeck.text.words import is_cjk

_ENGLISH = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its
itself they them their theirs themselves this that these those am is are was were be been being have has had having do
does did doing a an the and but if or because as until while of at by for with about against between into through during
before after above below to from up down in out on off over under again further then once here there all any both each
few more most other some such no nor not only own same so than too very can will just should now
ain aren couldn didn doesn don hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won wouldn ll re ve
"""
_CHINESE = """
的 了 着 过 地 得 之 和 与 及 或 而 但 在 是 有 不 没 没有 也 都 就 很 吗 呢 吧 啊
我 你 他 她 它 我们 你们 他们 这 那
"""
STOP_WORDS = frozenset([*_ENGLISH.split(), *_CHINESE.split()])
"""Words that hold a sentence together: NLTK's English list, as in TinyBERT's code, and Chinese ones."""


def is_content(word: str) -> bool:
    """Whether a word may be replaced: letters only, no stop word, and no single letter.

    >>> [word for word in ("The", "film", "isn", "x", "3D", "très", "北京", "的", "!") if is_content(word)]
    ['film', 'très', '北京']
    """
    return word.isalpha() and word.casefold() not in STOP_WORDS and (len(word) > 1 or is_cjk(word))


def in_case_of(word: str, candidate: str) -> str:
    """The candidate with capitals where the word has them.

    >>> in_case_of("Film", "movie"), in_case_of("FILM", "movie"), in_case_of("film", "Oscar")
    ('Movie', 'MOVIE', 'Oscar')
    """
    if word.isupper() and len(word) > 1:
        return candidate.upper()
    return candidate[:1].upper() + candidate[1:] if word[:1].isupper() else candidate


def replaced(
    words: Sequence[str], candidates: Mapping[int, Sequence[str]], probability: float, random: Random
) -> list[str]:
    """Draw one variant (TinyBERT's Algorithm 1, lines 11 to 17).

    Args:
        words: The words of a sentence.
        candidates: Index of a word → what may stand for it, at least one.
        probability: With which each of these words is replaced; all its candidates are equally likely.
        random: Where chance comes from.

    >>> replaced(["a", "good", "film"], {1: ["fine"]}, 1.0, Random(0))
    ['a', 'fine', 'film']
    """
    variant = list(words)
    for index, others in candidates.items():
        if random.random() < probability:
            variant[index] = in_case_of(words[index], random.choice(others))
    return variant

"""Paragraphs to sentences by rules, for English and Chinese, chosen by the characters at hand, not by the text.

`.!?` end a sentence before white space, unless what follows goes on in lower case, in a paragraph that has capitals, or
what stands before is an abbreviation; `。！？` end one anywhere, `…` where a Chinese character or a capital follows.
Closing quotation marks and brackets belong to the sentence that they close. Rules err on rare abbreviations;
pre-training forgives that.
"""

import re
from collections.abc import Iterator

from limbeck.text.words import Span

_CANDIDATES = re.compile(r"""([.!?…。！？｡]+)["'”’»)\]}」』）】》〉〕]*(\s*)""")
_FULL = frozenset("。！？｡")
_GOING_ON = frozenset(",;:，、；：")
_BEFORE_A_NAME = re.compile(
    r"mrs?|ms|messrs|dr|prof|rev|fr|ste?|[mf]t|gen|col|lt|capt|cmdr|maj|sgt|cpl|adm|gov|sen|rep|hon|pres|supt|"
    r"vs|e\.g|i\.e|cf|viz|ca|approx|al|eds"
)
"""Whatever follows these belongs to them."""
_BEFORE_A_NUMBER = re.compile(
    r"nos?|pp?|vols?|ch|chap|sec|figs?|eq|art|op|ed|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_AMBIGUOUS = re.compile(r"inc|ltd|co|corp|bros|[js]r|etc|est|dept|univ|assn|(?:[^\W\d_]\.)*[^\W\d_]")
"""These, and initials (`J.`, `U.S.`), end a sentence only before a word that few names begin with."""
_STARTER = re.compile(
    r"(?:The|An?|This|That|These|Those|He|She|It|They|We|I|You|His|Her|Its|Their|Our|My|In|On|At|By|For|From|With|To|"
    r"After|Before|When|While|As|If|But|And|Or|So|However|Although|There|Then|Since|During|Some|Many|Most|Both|Each|"
    r"Another|Other|All|No|Not|What|Who|Why|How|Where|Also|Such|Because|Once)\b(?!\.)"
)
_LONGEST_ABBREVIATION = 12


def split_sentences(text: str, longest: int = 4096) -> Iterator[Span]:
    r"""Where sentences of a paragraph stand, without the white space around them.

    Args:
        text: Any text.
        longest: Characters; what is longer without an end is cut there, at a space if there is one.

    >>> text = 'Dr. J. Smith paid $3.50 to the U.S. Navy. "Why?" he asked. At 5 p.m. It rained.'
    >>> [text[a:b] for a, b in split_sentences(text)]
    ['Dr. J. Smith paid $3.50 to the U.S. Navy.', '"Why?" he asked.', 'At 5 p.m.', 'It rained.']
    >>> text = "他说：“我用GPT-3.5。真的！”然后走了……天黑了。"
    >>> [text[a:b] for a, b in split_sentences(text)]
    ['他说：“我用GPT-3.5。', '真的！”', '然后走了……', '天黑了。']
    """
    start, capitals = 0, not text.islower()
    for found in _CANDIDATES.finditer(text):
        if _ends(text, found, capitals):
            yield from _pieces(text, (start, found.end()), longest)
            start = found.end()
    yield from _pieces(text, (start, len(text)), longest)


def cut_at_spaces(text: str, longest: int) -> Iterator[str]:
    """Pieces of at most `longest` characters that make up the text, cut behind spaces where there are any.

    >>> list(cut_at_spaces("to be or not", 6)), list(cut_at_spaces("東京都庁", 3))
    (['to be ', 'or not'], ['東京都', '庁'])
    """
    start = 0
    while len(text) - start > longest:
        end = text.rfind(" ", start, start + longest) + 1 or start + longest
        yield text[start:end]
        start = end
    yield text[start:]


def _pieces(text: str, sentence: Span, longest: int) -> Iterator[Span]:
    start, end = sentence
    for piece in cut_at_spaces(text[start:end], longest):
        if plain := piece.strip():
            first = start + piece.index(plain)
            yield first, first + len(plain)
        start += len(piece)


def _ends(text: str, found: re.Match[str], capitals: bool) -> bool:
    """Whether a sentence ends with these marks, in a paragraph with or without capitals."""
    at, after = found.start(), found.end()
    marks, gap = found.groups()
    if after == len(text):
        return False  # the rest is one anyway
    following = text[after]
    if following in _GOING_ON:
        return False
    if not _FULL.isdisjoint(marks):
        return True
    if _is_east_asian(following):
        return marks[0] != "." or (at > 0 and _is_east_asian(text[at - 1]))
    if not gap or (capitals and following.islower()):
        return False
    return marks != "." or not _is_abbreviation(text, at, after)


def _is_east_asian(character: str) -> bool:
    return character >= "\u2e80"


def _is_abbreviation(text: str, dot: int, after: int) -> bool:
    """Whether the full stop at `dot` belongs to the word before it alone.

    Args:
        text: The paragraph.
        dot: Where the full stop is.
        after: Where the next word begins.
    """
    before = text[max(0, dot - _LONGEST_ABBREVIATION) : dot].split()
    if not before or text[dot - 1].isspace():
        return False
    word = before[-1].lstrip("\"'“‘([{").rpartition("-")[2]
    if word.isdecimal():
        return dot == len(word)  # the number of a list's item
    plain = word.lower()
    if _BEFORE_A_NAME.fullmatch(plain) or (_BEFORE_A_NUMBER.fullmatch(plain) and text[after].isdecimal()):
        return True
    return _AMBIGUOUS.fullmatch(plain) is not None and not _STARTER.match(text, after)

r"""Raw text to words that know where they stood: positions are Python's, so `text[start:end]` is the word.

The habits are those of the Penn Treebank, on which CoNLL-2003 and OntoNotes were split: punctuation at the edges of a
word stands alone, `.-'/@:&` inside it stays, `'s` is a word, `U.S.` and `...` stay whole. A CJK character (as in
Devlin et al. 2019, arXiv:1810.04805) and a whole emoji sequence (UTS #51) is a word each, with its marks.
"""

import re
import unicodedata
from collections.abc import Sequence

Span = tuple[int, int]
"""Where a word begins, and where what follows it begins."""

_CJK = (
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)
_CLASS_OF_CODE = {
    **{ord(c): c for c in ".-'/@:&,"},
    **dict.fromkeys(map(ord, "sS"), "s"),
    **dict.fromkeys(map(ord, "^`"), "p"),
    **dict.fromkeys(range(0x1F1E6, 0x1F200), "r"),
    **{0x2019: "'", 0x2010: "-", 0x2011: "-", 0x200D: "j"},
}
# Formatting characters and modifiers count as marks: tags of flags are Cf, skin tones Sk.
_CLASS_OF_CATEGORY = {"Nd": "d", "Pc": "w", "Cf": "m", "Sk": "m", "L": "w", "N": "w", "M": "m", "S": "e"}


class _Classes(dict[int, str]):
    """Code point → one letter for its class, worked out when first met, so that `str.translate` classifies a text."""

    def __missing__(self, code: int) -> str:
        self[code] = _class_of(code)
        return self[code]


def _class_of(code: int) -> str:
    """Space, w(ord), s, d(igit), c(jk), e(moji or symbol), r(egional indicator), m(ark), j(oiner), p(unctuation)."""
    character = chr(code)
    if code in _CLASS_OF_CODE or character.isspace():
        return _CLASS_OF_CODE.get(code, " ")
    category = unicodedata.category(character)
    found = _CLASS_OF_CATEGORY.get(category) or _CLASS_OF_CATEGORY.get(category[0], "p")
    return "c" if found == "w" and any(low <= code <= high for low, high in _CJK) else found


_CLASSES = _Classes()
_EMOJI = r"e[m]*(?:je[m]*)*|rrm*"
_WORDS = re.compile(
    r"(?:[ws]\.){2,}(?:-[wds]+)*(?![wds])"  # U.S., U.S.-based
    r"|'s(?![wdsmj-])"  # 's
    r"|[wds][wdsmj]*(?:(?!'s(?![wdsmj-]))(?:[.\-'/@:&]|(?<=d),(?=d))[wds][wdsmj]*)*"
    r"|c[mj]*"
    rf"|{_EMOJI}"
    r"|\.+|-+"  # ... and --
    r"|\S[mj]*"
)
_CHARACTERS = re.compile(rf"{_EMOJI}|\Sm*")
_JOINING = re.compile("[mjer]")
_CJK_RUNS = re.compile("c[cm]*")


def classify(text: str) -> str:
    """A letter for the class of each character: see `_class_of`."""
    return text.translate(_CLASSES)


def split_words(text: str) -> list[Span]:
    """Words of a text in which spaces separate words.

    >>> text = "Anna's U.S.-based team (3,000 people) flew to 東京 👩‍🚀!"
    >>> [text[a:b] for a, b in split_words(text)]
    ['Anna', "'s", 'U.S.-based', 'team', '(', '3,000', 'people', ')', 'flew', 'to', '東', '京', '👩\u200d🚀', '!']
    """
    return [found.span() for found in _WORDS.finditer(classify(text))]


def split_characters(text: str) -> list[Span]:
    """Characters of a text, spaces left out, as in corpora that tag Chinese character by character.

    >>> text = "张三 在IBM"
    >>> [text[a:b] for a, b in split_characters(text)]
    ['张', '三', '在', 'I', 'B', 'M']
    """
    classes = classify(text)
    if not _JOINING.search(classes):  # as nearly always; four times faster
        return [(place, place + 1) for place, kind in enumerate(classes) if kind != " "]
    return [found.span() for found in _CHARACTERS.finditer(classes)]


def cjk_runs(text: str) -> list[Span]:
    """Where CJK characters stand without anything between them, with their marks.

    >>> text = "在IBM工作的人"
    >>> [text[a:b] for a, b in cjk_runs(text)]
    ['在', '工作的人']
    """
    return [found.span() for found in _CJK_RUNS.finditer(text.translate(_CLASSES))]


def is_cjk(text: str) -> bool:
    """Whether a text is of CJK characters and their marks alone.

    >>> is_cjk("東京"), is_cjk("서울"), is_cjk("東a"), is_cjk("")
    (True, False, False, False)
    """
    return classify(text).replace("m", "").strip("c") == "" != text


def joined_spans(words: Sequence[str], glue: str = " ") -> list[Span]:
    """Where words stand in `glue.join(words)`.

    >>> joined_spans(["to", "Oslo"])
    [(0, 2), (3, 7)]
    """
    spans = []
    start = 0
    for word in words:
        spans.append((start, start + len(word)))
        start += len(word) + len(glue)
    return spans

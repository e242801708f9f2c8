"""Characters to token ids, the same in training and in a shipped Bundle, by the `tokenizers` library alone.

A tokenizer reads all of a text before it truncates, seconds for a million Chinese characters. Here it reads a
beginning, and more only where the tokens kept could depend on it: what comes out is what reading everything gives.
Words are read one by one, each once however often it stands there, and laid into windows afterwards, by arrays alone.
"""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers

from limbeck.core.errors import BundleError
from limbeck.text.frame import Frame
from limbeck.text.runs import offsets, sizes, spans
from limbeck.text.special_tokens import special_id
from limbeck.text.wordlist import WordList

_CHARACTERS_PER_TOKEN = (8, 32, 128)
"""`max_length` times this many characters are read of a text, then more. What lies beyond the last is never read: of
languages none has such words, and what a hostile text can cost is bounded."""
_MARGIN_CHARACTERS = 64
"""Characters before the end of what is read whose tokens could still change; longer than any special token's name."""
_CHARACTERS_PER_WORD_TOKEN = 20
"""Words are cut to `max_length` times this: what is lost was only context, as the first sub-word answers for a word."""
_WORDS_AT_ONCE = 512
"""Words in one call of the tokenizer, of which it answers several at a time, each in a thread."""
_WINDOW_CONTEXT = 4
"""Neighbouring windows of a long word sequence share 1/this of their tokens."""
_NONE = np.empty(0, np.int32)


@dataclass(slots=True, eq=False)
class Encoded:
    """One model input without padding.

    Attributes:
        ids: `[tokens]`, token ids with special tokens.
        type_ids: `[tokens]`, 0 for the first text, 1 for the second.
        firsts: Positions of first sub-words that this window answers for; empty for whole texts.
        words: For each of `firsts`, the index of its word.
        cut: Whether characters or tokens were lost to `max_length`.
    """

    ids: np.ndarray
    type_ids: np.ndarray
    firsts: np.ndarray = field(default_factory=lambda: _NONE)
    words: np.ndarray = field(default_factory=lambda: _NONE)
    cut: bool = False

    def __len__(self) -> int:
        return len(self.ids)


def open_tokenizer(path: Path) -> Tokenizer:
    """Load a `tokenizer.json`.

    Raises:
        BundleError: The file is missing or no tokenizer.
    """
    with _refusing(f"{path}: no usable tokenizer"):
        return Tokenizer.from_file(str(path))


@contextlib.contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn a failure of the library, which raises bare Exception, and not even that where it panics, into an error."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise BundleError(f"{what} ({error}); take the one that belongs to the model") from None


class Encoder:
    """Encodes texts, pairs and word sequences.

    Args:
        tokenizer: A fast tokenizer; its own truncation and padding are replaced.
        max_length: Tokens per input, special tokens included, ≥ 8.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        if max_length < 8:
            raise ValueError("max_length must be at least 8")
        self.max_length = max_length
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length, stride=0, strategy="longest_first")

    @classmethod
    def read(cls, path: Path, max_length: int) -> "Encoder":
        """Load a `tokenizer.json`.

        Raises:
            BundleError: The file is missing or no tokenizer.
        """
        return cls(open_tokenizer(path), max_length)

    @cached_property
    def _words(self) -> Tokenizer:
        """The tokenizer that reads words of any length; made only where there are such, as that takes a while."""
        tokenizer = Tokenizer.from_str(self._tokenizer.to_str())
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def frame(self) -> Frame:
        """What stands around a text."""
        return Frame.of(self._words.encode("a"))

    @cached_property
    def pair_frame(self) -> Frame:
        """What stands around and between two texts."""
        return Frame.of(self._words.encode("a", "a"))

    @cached_property
    def _byte_level(self) -> bool:
        """Whether the space before a word belongs to it, as in GPT-2's and RoBERTa's vocabularies."""
        whole: Any = self._tokenizer.pre_tokenizer
        steps: Any = whole if isinstance(whole, pre_tokenizers.Sequence) else [whole]
        return any(isinstance(step, pre_tokenizers.ByteLevel) for step in steps)

    def same_as(self, other: "Encoder") -> bool:
        """Whether the other cuts every text into the same tokens, at the same places."""
        return self.max_length == other.max_length and self._tokenizer.to_str() == other._tokenizer.to_str()

    @property
    def tokens(self) -> int:
        """How many tokens the vocabulary has, added ones included."""
        return self._tokenizer.get_vocab_size()

    @property
    def pad_id(self) -> int:
        """The id that fills a batch up; masked out, so 0 serves where a tokenizer has no such token."""
        return special_id(self._tokenizer, "pad_token") or 0

    def texts(self, texts: Sequence[str], pairs: Sequence[str | None] | None = None) -> list[Encoded]:
        """Encode whole texts, or pairs of texts where `pairs` has one.

        What is kept is what the library keeps, strategy `longest_first`; only that of two texts that are both too long,
        and not read whole, the second gets the odd token.
        """
        seconds = list(pairs) if pairs is not None else [None] * len(texts)
        whole = self.max_length * _CHARACTERS_PER_TOKEN[0]
        short = [i for i, b in enumerate(seconds) if b is not None and max(len(texts[i]), len(b)) <= whole]
        alone = [i for i, b in enumerate(seconds) if b is None]
        together = [(clean(texts[i]), clean(seconds[i] or "")) for i in short]
        encodings = [*self._read([texts[i] for i in alone]), *(self._encoded(together) if short else [])]
        found = {
            i: _made(e.ids, e.type_ids, cut=bool(e.overflowing))
            for i, e in zip([*alone, *short], encodings, strict=True)
        }
        for i, (text, second) in enumerate(zip(texts, seconds, strict=True)):
            if i not in found and second is not None:
                found[i] = self._long_pair(text, second)
            found[i].cut |= max(len(text), len(second or "")) > self._most_read
        return [found[i] for i in range(len(texts))]

    @property
    def _most_read(self) -> int:
        return self.max_length * _CHARACTERS_PER_TOKEN[-1]

    def _read(self, texts: Sequence[str]) -> list[Any]:
        """The library's encodings; of each text as many characters are read as decide about the tokens kept."""
        found: dict[int, Any] = {}
        for per_token in _CHARACTERS_PER_TOKEN:
            limit = self.max_length * per_token
            left = [i for i in range(len(texts)) if i not in found]
            encodings = self._encoded([clean(texts[i][:limit]) for i in left]) if left else []
            for i, encoding in zip(left, encodings, strict=True):
                if len(texts[i]) <= limit or limit == self._most_read or _settled(encoding, limit):
                    found[i] = encoding
        return [found[i] for i in range(len(texts))]

    def _encoded(self, inputs: Sequence[Any]) -> list[Any]:
        with _refusing("the tokenizer cannot encode this text"):
            return list(self._tokenizer.encode_batch(inputs))

    def _long_pair(self, *texts: str) -> Encoded:
        # Not by the library, which would make every combination of the windows of both.
        encodings = self._read(texts)
        ids = [self.frame.own(encoding) for encoding in encodings]
        sizes = [self.max_length if e.overflowing else len(own) for e, own in zip(encodings, ids, strict=True)]
        room = self.max_length - self.pair_frame.size
        taken = _longest_first(sizes, room)
        pair = self.pair_frame.around(*(own[:size] for own, size in zip(ids, taken, strict=True)))
        return _made(*pair, cut=sum(sizes) > room)

    def words(self, sentences: Sequence[Sequence[str] | WordList]) -> list[list[Encoded]]:
        """Encode sequences of words, each into as many overlapping windows as it needs.

        Every word is answered for by exactly one window: the one in which it stands farthest from an edge. A word
        that the tokenizer drops altogether (a lone control character) has no position.
        """
        known: defaultdict[str, int] = defaultdict(count().__next__)
        numbers = [_numbers(sentence, known) for sentence in sentences]
        pieces = self._pieces(known)
        overlap = (self.max_length - 2) // _WINDOW_CONTEXT
        room = self.max_length - self.frame.size
        return [_windows(its, pieces, self.frame, room, overlap) for its in numbers]

    def _pieces(self, words: Collection[str]) -> "_Pieces":
        """Each word's token ids; no word's depend on its neighbours."""
        limit = self.max_length * _CHARACTERS_PER_WORD_TOKEN
        before = " " if self._byte_level else ""
        known = [before + clean(word[:limit]) for word in words]
        parts = [known[start : start + _WORDS_AT_ONCE] for start in range(0, len(known), _WORDS_AT_ONCE)]
        with _refusing("the tokenizer cannot encode these words"):
            read = self._words.encode_batch(parts, is_pretokenized=True, add_special_tokens=False)
        owners = [np.array(one.word_ids, np.int64) + number * _WORDS_AT_ONCE for number, one in enumerate(read)]
        places = offsets(np.bincount(np.concatenate([_NONE, *owners]), minlength=len(words)))
        return _Pieces(np.concatenate([_NONE, *(np.array(one.ids, np.int32) for one in read)]), places)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Token ids of numbered words, end to end, and where each word's begin."""

    ids: np.ndarray
    places: np.ndarray


def _numbers(words: Sequence[str] | WordList, known: defaultdict[str, int]) -> np.ndarray:
    """Each word's number among all that are known; a word that is not gets the next one."""
    if isinstance(words, WordList):
        return np.take(_numbers(words.spelt, known), words.numbers)
    return np.fromiter(map(known.__getitem__, words), np.int64, len(words))


def _made(ids: Sequence[int], types: Sequence[int], *, cut: bool = False) -> Encoded:
    return Encoded(np.array(ids, np.int32), np.array(types, np.int32), cut=cut)


def _longest_first(sizes: Sequence[int], room: int) -> list[int]:
    """Tokens that each of two texts may keep: the shorter one all of them, if that is at most half."""
    shorter, longer = sorted(sizes)
    if shorter + longer > room:
        shorter = min(shorter, room // 2)
        longer = room - shorter
    return [longer, shorter] if sizes[0] > sizes[1] else [shorter, longer]


def _windows(numbers: np.ndarray, pieces: _Pieces, frame: Frame, room: int, overlap: int) -> list[Encoded]:
    """Windows of at most `room` tokens, of which each shares `overlap` with the one before."""
    ids = pieces.ids[spans(pieces.places, numbers)]
    step = room - overlap
    starts = np.arange(0, max(len(ids) - overlap, 1), step)
    windows = [*_framed(_whole(ids, step, room)[: len(starts) - 1], frame)]
    windows.append(_made(*frame.around(ids[starts[-1] :].tolist())))
    counts = sizes(pieces.places, numbers)
    words = np.flatnonzero(counts)
    places = (np.cumsum(counts) - counts)[words]
    full = len(windows[0])
    borders = starts.copy()
    borders[1:] += _better_before(full, full, step, overlap, frame.before)
    borders[1:][-1:] = starts[1:][-1:] + _better_before(len(windows[-1]), full, step, overlap, frame.before)
    bounds = [*np.searchsorted(places, borders).tolist(), len(places)]
    firsts = places - np.repeat(starts, np.diff(bounds)) + frame.before
    for window, (start, end) in zip(windows, pairwise(bounds), strict=True):
        window.firsts, window.words = firsts[start:end], words[start:end]
    return windows


def _whole(ids: np.ndarray, step: int, room: int) -> np.ndarray:
    """All whole windows, `[windows, room]`."""
    if len(ids) < room:
        return np.empty((0, room), ids.dtype)
    found: np.ndarray = np.lib.stride_tricks.sliding_window_view(ids, room)[::step]
    return found


def _framed(texts: np.ndarray, frame: Frame) -> list[Encoded]:
    """Inputs of texts that are equally long, `[texts, tokens]`."""
    if not len(texts):
        return []
    first = _made(*frame.around(texts[0].tolist()))
    ids = np.tile(first.ids, (len(texts), 1))
    ids[:, frame.before : frame.before + texts.shape[1]] = texts
    return [Encoded(row, first.type_ids) for row in ids]


def _better_before(length: int, full: int, step: int, overlap: int, lead: int) -> int:
    """Of the tokens that a window shares with the one before, how many stand farther from that one's edges.

    Those are the first ones. The window has `length` tokens, the one before `full`, `lead` of them before the text.
    """
    here = np.arange(lead, lead + overlap)
    there = here + step
    better = np.minimum(there, full - 1 - there) >= np.minimum(here, length - 1 - here)
    return int(better.sum())


def _settled(encoding: Any, limit: int) -> bool:
    """Whether the tokens kept stay what they are, whatever follows the characters read.

    They do where the tokenizer has gone on to a later word, as it reads words independently and finds their ends by
    what is close. In a script without spaces a whole paragraph may be one word to a Unigram tokenizer: it is read.

    Args:
        encoding: Of the library, truncated.
        limit: Characters read.
    """
    kept = [place for place, word in enumerate(encoding.word_ids) if word is not None]
    if not kept or encoding.offsets[kept[-1]][1] > limit - _MARGIN_CHARACTERS:
        return False
    word = encoding.word_ids[kept[-1]]
    return any(later not in (None, word) for part in encoding.overflowing for later in part.word_ids)


def clean(text: str) -> str:
    """Lone surrogates cannot be encoded as UTF-8; each becomes the replacement character, of the same length."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

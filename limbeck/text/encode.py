"""Characters to token ids, the same in training and in a shipped Bundle, by the `tokenizers` library alone."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, pre_tokenizers

from limbeck.core.errors import BundleError

_CHARACTERS_PER_TOKEN = 20
"""Texts are cut to `max_length` times this before tokenising, so that a huge text costs no more than a long one."""
_WINDOW_CONTEXT = 4
"""Neighbouring windows of a long word sequence share 1/this of their tokens."""


@dataclass(slots=True)
class Encoded:
    """One model input without padding.

    Attributes:
        ids: Token ids with special tokens.
        type_ids: 0 for the first text, 1 for the second.
        firsts: Positions of first sub-words that this window answers for; empty for whole texts.
        words: For each of `firsts`, the index of its word.
        cut: Whether characters or tokens were lost to `max_length`.
    """

    ids: list[int]
    type_ids: list[int]
    firsts: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
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
    def _windows(self) -> Tokenizer:
        """The tokenizer that gives overlapping windows; made only where words are read, as that takes a while."""
        tokenizer = Tokenizer.from_str(self._tokenizer.to_str())
        tokenizer.enable_truncation(self.max_length, stride=(self.max_length - 2) // _WINDOW_CONTEXT)
        return tokenizer

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
        for token in ("[PAD]", "<pad>"):
            if (found := self._tokenizer.token_to_id(token)) is not None:
                return int(found)
        return 0

    def texts(self, texts: Sequence[str], pairs: Sequence[str | None] | None = None) -> list[Encoded]:
        """Encode whole texts, or pairs of texts where `pairs` has one."""
        limit = self.max_length * _CHARACTERS_PER_TOKEN
        seconds = pairs if pairs is not None else [None] * len(texts)
        inputs = [
            clean(a[:limit]) if b is None else (clean(a[:limit]), clean(b[:limit]))
            for a, b in zip(texts, seconds, strict=True)
        ]
        with _refusing("the tokenizer cannot encode this text"):
            encodings = self._tokenizer.encode_batch(inputs)
        return [
            Encoded(e.ids, e.type_ids, cut=bool(e.overflowing) or len(a) > limit or len(b or "") > limit)
            for e, a, b in zip(encodings, texts, seconds, strict=True)
        ]

    def words(self, sentences: Sequence[Sequence[str]]) -> list[list[Encoded]]:
        """Encode sequences of words, each into as many overlapping windows as it needs.

        Every word is answered for by exactly one window: the one in which it stands farthest from an edge. A word
        that the tokenizer drops altogether (a lone control character) has no position.
        """
        limit = self.max_length * _CHARACTERS_PER_TOKEN
        before = " " if self._byte_level else ""
        cleaned = [[before + clean(w[:limit]) for w in sentence] for sentence in sentences]
        with _refusing("the tokenizer cannot encode these words"):
            encodings = self._windows.encode_batch(cleaned, is_pretokenized=True)
        return [_windows([e, *e.overflowing]) for e in encodings]


def _windows(encodings: Sequence[object]) -> list[Encoded]:
    best: dict[int, tuple[int, int, int]] = {}
    for number, encoding in enumerate(encodings):
        word_ids = encoding.word_ids  # type: ignore[attr-defined]
        for position, word in enumerate(word_ids):
            if word is None or (position and word_ids[position - 1] == word):
                continue
            margin = min(position, len(word_ids) - 1 - position)
            if word not in best or margin > best[word][0]:
                best[word] = (margin, number, position)
    windows = [Encoded(e.ids, e.type_ids) for e in encodings]  # type: ignore[attr-defined]
    for word in sorted(best):
        _, number, position = best[word]
        windows[number].firsts.append(position)
        windows[number].words.append(word)
    return windows


def clean(text: str) -> str:
    """Lone surrogates cannot be encoded as UTF-8; each becomes the replacement character, of the same length."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

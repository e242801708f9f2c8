"""Documents to tokens: one pure function, for this process, for others, and for other machines."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from limbeck.core.errors import BundleError
from limbeck.text.chinese import inner_characters
from limbeck.text.runs import offsets
from limbeck.text.sentences import split_sentences
from limbeck.text.special_tokens import unknown_id
from limbeck.text.token_documents import TokenisedDocuments, token_type


class Tokenise:
    """Cuts documents into sentences and these into tokens. What comes of a document depends on nothing else.

    A token begins a word where the tokenizer's own splitting at spaces and punctuation does, so that `##ing` does not;
    of Chinese, which it splits into characters, where a word by jieba begins. Names of special tokens are plain text.

    Args:
        tokenizer: The text of a `tokenizer.json`.
    """

    def __init__(self, tokenizer: str) -> None:
        self._text = tokenizer
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        self.vocabulary = 1 + max(self._tokenizer.get_vocab().values())
        """Ids are below this."""
        self.unknown = unknown_id(self._tokenizer)
        """Id of what the tokenizer does not know; None where there is none."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Tokenise, (self._text,)

    def __call__(self, documents: Sequence[Sequence[str]]) -> TokenisedDocuments:
        """Tokens of documents, each a list of paragraphs; a document without any is left out."""
        cut = [[s for paragraph in paragraphs for s in split_sentences(paragraph)] for paragraphs in documents]
        texts = list(chain.from_iterable(cut))
        encodings = self._encoded(texts)
        sizes = np.array([len(encoding) for encoding in encodings], np.int64)
        sentences = offsets(sizes)
        tokens = _flat((encoding.ids for encoding in encodings), sizes.sum())
        begins = _begins_word(texts, encodings, sentences)
        real = sizes > 0
        # Of each document, the sentences that gave any token; documents without one are left out.
        counts = np.diff(np.append(0, np.cumsum(real))[offsets(np.array([len(own) for own in cut], np.int64))])
        there = counts > 0
        ranks = np.array([_rank(paragraphs) for paragraphs in documents], np.uint64)
        return TokenisedDocuments(
            tokens.astype(token_type(self.vocabulary)),
            begins,
            offsets(sizes[real]),
            offsets(counts[there]),
            ranks[there],
        )

    def _encoded(self, texts: list[str]) -> list[Any]:
        try:
            return list(self._tokenizer.encode_batch(texts, add_special_tokens=False))
        except Exception as error:  # the library raises bare Exception
            raise BundleError(f"the tokenizer cannot encode this text ({error}); take another one") from None


def _flat(lists: Any, size: int) -> np.ndarray:
    return np.fromiter(chain.from_iterable(lists), np.int64, size)


def _begins_word(texts: Sequence[str], encodings: Sequence[Any], sentences: np.ndarray) -> np.ndarray:
    words = _flat((encoding.word_ids for encoding in encodings), sentences[-1])
    begins = np.ones(len(words), bool)
    begins[1:] = words[1:] != words[:-1]
    begins[sentences[:-1][np.diff(sentences) > 0]] = True
    for text, encoding, start in zip(texts, encodings, sentences[:-1].tolist(), strict=True):
        if not text.isascii() and (inner := set(inner_characters(text))):
            begins[[start + place for place, (first, _) in enumerate(encoding.offsets) if first in inner]] = False
    return begins


def _rank(paragraphs: Sequence[str]) -> int:
    """A number that the text alone decides."""
    state = hashlib.blake2b(digest_size=8)
    for paragraph in paragraphs:
        state.update(paragraph.encode() + b"\n")
    return int.from_bytes(state.digest(), "little")

"""Documents to tokens: one pure function, for this process, for others, and for other machines."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from limbeck.core.errors import BundleError
from limbeck.text.chinese import word_marks
from limbeck.text.runs import offsets
from limbeck.text.sentences import split_sentences
from limbeck.text.special_tokens import unknown_id
from limbeck.text.token_documents import TokenisedDocuments, token_type


class Tokenise:
    """Cuts documents into sentences and tokens. What comes of a document depends on nothing else.

    A paragraph is read whole, as what a tokenizer gives for a sentence may depend on the space before it; a token
    belongs to the sentence in which it begins. It begins a word where the tokenizer's own splitting at spaces and
    punctuation does, so that `##ing` does not; of Chinese, which some tokenizers split into characters and others not
    at all, where a word by jieba begins. Names of special tokens are plain text.

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
        plain = [[text for paragraph in paragraphs if (text := paragraph.strip())] for paragraphs in documents]
        texts = list(chain.from_iterable(plain))
        encodings = self._encoded(texts)
        paragraphs = offsets([len(encoding) for encoding in encodings])
        tokens = _flat((encoding.ids for encoding in encodings), paragraphs[-1])
        firsts = _flat(([first for first, _ in encoding.offsets] for encoding in encodings), paragraphs[-1])
        sizes, within = _sentences(texts, firsts, paragraphs)
        real = sizes > 0
        sentences = offsets(sizes[real])
        begins = _begins_word(texts, encodings, firsts, paragraphs)
        begins[sentences[:-1]] = True
        # Of each document, the sentences that gave any token; documents without one are left out.
        counts = np.diff(np.append(0, np.cumsum(real))[within[offsets([len(own) for own in plain])]])
        there = counts > 0
        ranks = np.array([_rank(paragraphs) for paragraphs in documents], np.uint64)
        return TokenisedDocuments(
            tokens.astype(token_type(self.vocabulary)), begins, sentences, offsets(counts[there]), ranks[there]
        )

    def _encoded(self, texts: list[str]) -> list[Any]:
        try:
            return list(self._tokenizer.encode_batch(texts, add_special_tokens=False))
        except Exception as error:  # the library raises bare Exception
            raise BundleError(f"the tokenizer cannot encode this text ({error}); take another one") from None


def _flat(lists: Any, size: int) -> np.ndarray:
    return np.fromiter(chain.from_iterable(lists), np.int64, size)


def _sentences(texts: Sequence[str], firsts: np.ndarray, paragraphs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of each sentence of all texts, end to end; and the sentence at which each text begins, and the end.

    Args:
        texts: Paragraphs.
        firsts: The character at which each token begins, in its paragraph.
        paragraphs: The token at which each paragraph begins, and the end.
    """
    ends = [[end for _, end in split_sentences(text)] for text in texts]
    characters = offsets([len(text) for text in texts])
    # The space before a sentence is its own, as it is the token's that begins with it.
    borders = [start + end for start, own in zip(characters[:-1], ends, strict=True) for end in (0, *own[:-1])]
    places = firsts + np.repeat(characters[:-1], np.diff(paragraphs))
    found = np.searchsorted(np.array(borders, np.int64), places, side="right") - 1
    return np.bincount(found, minlength=len(borders)), offsets([len(own) for own in ends])


def _begins_word(
    texts: Sequence[str], encodings: Sequence[Any], firsts: np.ndarray, paragraphs: np.ndarray
) -> np.ndarray:
    words = _flat((encoding.word_ids for encoding in encodings), paragraphs[-1])
    begins = np.ones(len(words), bool)
    begins[1:] = words[1:] != words[:-1]
    begins[paragraphs[:-1][np.diff(paragraphs) > 0]] = True
    for number, text in enumerate(texts):
        if not text.isascii() and (marks := word_marks(text)) is not None:
            own = slice(*paragraphs[number : number + 2])
            told = marks[firsts[own]]
            # Of the tokens of one character, as bytes are, the first.
            another = np.diff(firsts[own], prepend=-1) > 0
            begins[own] = np.where(told < 0, begins[own], (told > 0) & another)
    return begins


def _rank(paragraphs: Sequence[str]) -> int:
    """A number that the text alone decides."""
    state = hashlib.blake2b(digest_size=8)
    for paragraph in paragraphs:
        state.update(paragraph.encode() + b"\n")
    return int.from_bytes(state.digest(), "little")

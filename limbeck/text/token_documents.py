"""Documents as tokens: what tokenising gives, which of them are held out, and how they are laid into files.

The files of a shard, `NAME.KIND`, little-endian, for who reads them without this package:
`tokens` uint16, or uint32 where the vocabulary is larger than 65536: ids without special tokens; `sentences` uint32:
the token at which each sentence begins, and the end; `documents` uint32: the sentence at which each document begins,
and the end; `words`: a bit for each token, from the highest of each byte down, 1 where it begins a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from limbeck.text.runs import offsets, places

KINDS = ("tokens", "sentences", "documents", "words")
"""Files of a shard."""


def token_type(vocabulary: int) -> np.dtype:
    """How a token is stored.

    >>> token_type(30522), token_type(119547)
    (dtype('uint16'), dtype('uint32'))
    """
    return np.dtype("<u2" if vocabulary <= 1 << 16 else "<u4")


@dataclass(frozen=True, slots=True)
class TokenisedDocuments:
    """Some documents, end to end.

    Attributes:
        tokens: Ids without special tokens, `[tokens]`.
        begins_word: Whether each begins a word, bool `[tokens]`.
        sentences: The token at which each sentence begins, and the end, int64 `[sentences + 1]`.
        documents: The sentence at which each document begins, and the end, int64 `[documents + 1]`.
        ranks: Of each document, a number that its text alone decides, uint64 `[documents]`.
    """

    tokens: np.ndarray
    begins_word: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    ranks: np.ndarray

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each document."""
        return np.diff(self.sentences[self.documents])

    @classmethod
    def none(cls, kind: np.dtype) -> "TokenisedDocuments":
        """No document at all, of tokens of a type."""
        zero = np.zeros(1, np.int64)
        return cls(np.zeros(0, kind), np.zeros(0, bool), zero, zero, np.zeros(0, np.uint64))

    @classmethod
    def joined(cls, parts: "Sequence[TokenisedDocuments]") -> "TokenisedDocuments":
        """All documents of some, at least one, in order."""
        return cls(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.begins_word for part in parts]),
            _chained([part.sentences for part in parts]),
            _chained([part.documents for part in parts]),
            np.concatenate([part.ranks for part in parts]),
        )

    def take(self, chosen: np.ndarray) -> "TokenisedDocuments":
        """Documents by number or by mask, in that order."""
        chosen = np.arange(len(self))[chosen]
        counts = np.diff(self.documents)[chosen]
        sentences = places(self.documents[:-1][chosen], counts)
        sizes = np.diff(self.sentences)[sentences]
        tokens = places(self.sentences[:-1][sentences], sizes)
        return TokenisedDocuments(
            self.tokens[tokens], self.begins_word[tokens], offsets(sizes), offsets(counts), self.ranks[chosen]
        )

    def save(self, path: Path) -> None:
        """Keep them in an `.npz` file, ranks and all."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "TokenisedDocuments":
        """What `save` kept."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**arrays)


def _chained(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Offsets of what is laid end to end, from the offsets of each."""
    return offsets(np.concatenate([np.diff(part) for part in parts]))


def hold_out(
    found: TokenisedDocuments, held: TokenisedDocuments, border: int, most_tokens: int
) -> tuple[TokenisedDocuments, TokenisedDocuments, int]:
    """Hold out the documents of lowest rank, as many as make at most so many tokens, while more and more are found.

    What is held out of all documents does not depend on their order. One that is larger than all that may be held out
    is passed over; of documents of one rank, which are the same text, all are in or none.

    Args:
        found: Documents found now.
        held: Those held out of what was found before.
        border: Documents of this rank and above are not held out; it only falls.
        most_tokens: Tokens that are held out at most.

    Returns:
        What is not held out, or no more; what is; and the border from now on.

    >>> sentences, ranks = np.array([0, 2, 3, 4, 6, 9]), np.array([4, 1, 7, 3, 0], np.uint64)
    >>> five = TokenisedDocuments(np.arange(9), np.ones(9, bool), sentences, np.arange(6), ranks)
    >>> none = TokenisedDocuments.none(np.dtype("u2"))
    >>> train, dev, border = hold_out(five, none, 1 << 64, 2)  # of sizes 2, 1, 1, 2, 3; the last is too large
    >>> train.ranks.tolist(), dev.ranks.tolist(), border
    ([0, 4, 7, 3], [1], 3)
    """
    may = (found.ranks < border) & (found.sizes <= most_tokens)
    if not may.any() and len(held.tokens) <= most_tokens:
        return found, held, border
    pool = TokenisedDocuments.joined([held, found.take(may)])
    order = np.argsort(pool.ranks, kind="stable")
    small = pool.sizes <= most_tokens
    too_much = np.cumsum(np.where(small, pool.sizes, 0)[order]) > most_tokens
    if too_much.any():
        border = min(border, int(pool.ranks[order][np.argmax(too_much)]))
    stays = small & (pool.ranks < border)
    leaves = pool.take(~stays)
    train = TokenisedDocuments.joined([found.take(~may), leaves]) if len(leaves) else found.take(~may)
    return train, pool.take(stays), border


def write_shard(folder: Path, name: str, parts: Sequence[TokenisedDocuments], vocabulary: int) -> dict[str, int]:
    """Write the files of a shard, at least one part, and tell how many tokens, sentences and documents are in it."""
    with (folder / f"{name}.tokens").open("wb") as file:
        for part in parts:
            file.write(part.tokens.astype(token_type(vocabulary), copy=False).tobytes())
    words = np.packbits(np.concatenate([part.begins_word for part in parts]))
    sentences, documents = (_chained([getattr(part, kind) for part in parts]) for kind in ("sentences", "documents"))
    (folder / f"{name}.words").write_bytes(words.tobytes())
    (folder / f"{name}.sentences").write_bytes(sentences.astype("<u4").tobytes())
    (folder / f"{name}.documents").write_bytes(documents.astype("<u4").tobytes())
    return {"tokens": int(sentences[-1]), "sentences": len(sentences) - 1, "documents": len(documents) - 1}

"""A corpus as tokens on disk, read where it is touched: numpy and memory maps alone.

A store is a folder: `store.json` and the shards that it lists, whose files `limbeck.text.token_documents` describes.
Tokens are counted over all shards in order; a run of tokens that is asked for lies within one document.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.core.bundle import Bundle, is_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import read_json, write_json
from limbeck.text.runs import offsets, places
from limbeck.text.token_documents import KINDS, token_type

_INDEX = "store.json"
_FORMAT = 1
_PIECE_TOKENS = 1 << 20
_COUNTED = ("tokens", "sentences", "documents")


def shard_name(number: int) -> str:
    """The name of a shard's files, without their endings."""
    return f"{number:05d}"


def write_index(folder: Path, vocabulary: int, shards: list[dict[str, int]]) -> None:
    """Write what makes a folder of shards a store.

    Args:
        folder: Where their files lie.
        vocabulary: Ids are below this.
        shards: Of each, how many tokens, sentences and documents it has.
    """
    write_json(folder / _INDEX, {"format": _FORMAT, "vocabulary": vocabulary, "shards": shards})


@dataclass(frozen=True)
class _Shard:
    """The files of a shard, mapped."""

    tokens: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    words: np.ndarray


class TokenStore:
    """Tokens, sentences and documents of a split of a corpus. Made by `TokenStore.open`.

    It may be copied to other processes: what is sent is the folder, not what is in it.
    """

    def __init__(self, folder: Path, vocabulary: int, shards: list[_Shard]) -> None:
        self.folder = folder
        self.vocabulary = vocabulary
        """Ids are below this."""
        self._shards = shards
        self._starts = offsets(np.array([len(shard.tokens) for shard in shards], np.int64))
        ends = [_document_starts(shard)[1:] + start for shard, start in zip(shards, self._starts, strict=False)]
        self.document_starts = np.concatenate([np.zeros(1, np.int64), *ends])
        """The token at which each document begins, and the end, int64 `[documents + 1]`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenStore.open, (self.folder,)

    @classmethod
    def open(cls, folder: Path) -> "TokenStore":
        """Open the store in a folder. Reads 8 bytes a document.

        Raises:
            BundleError: There is none, or its files do not fit what it says of them.
        """
        index = read_json(folder / _INDEX)
        try:
            if index["format"] != _FORMAT:
                raise BundleError(f"{folder}: token store of format {index['format']!r}, this limbeck reads {_FORMAT}")
            vocabulary = int(index["vocabulary"])
            counts = [{name: int(shard[name]) for name in _COUNTED} for shard in index["shards"]]
        except (KeyError, TypeError, ValueError):
            raise _damaged(folder / _INDEX, "not the index of a token store") from None
        store = cls(folder, vocabulary, [_map(folder, n, count, vocabulary) for n, count in enumerate(counts)])
        if (np.diff(store.document_starts) < 1).any():
            raise _damaged(folder, "documents do not follow one another")
        return store

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return int(self._starts[-1])

    def __len__(self) -> int:
        return len(self.document_starts) - 1

    def counts(self) -> np.ndarray:
        """How often each token occurs, int64 `[vocabulary]`; reads all of them, a piece at a time."""
        found = np.zeros(self.vocabulary, np.int64)
        for number, shard in enumerate(self._shards):
            # Not through the map, whose pages would all be this process's for as long as it lasts.
            with (self.folder / f"{shard_name(number)}.tokens").open("rb") as file:
                while len(piece := np.fromfile(file, shard.tokens.dtype, _PIECE_TOKENS)):
                    found += np.bincount(piece, minlength=self.vocabulary)
        return found

    def gather(self, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of some runs, laid end to end.

        Args:
            starts: First token of each run, int64 `[runs]`.
            lengths: Tokens of each, int64 `[runs]`; a run lies within one document.

        Returns:
            Ids, int32 `[sum of lengths]`, and whether each begins a word, bool.

        Raises:
            IndexError: A run leaves the store.
        """
        starts, lengths = np.asarray(starts, np.int64), np.asarray(lengths, np.int64)
        home = self._home(starts, starts + lengths)
        ids, begins = np.empty(lengths.sum(), np.int32), np.empty(lengths.sum(), bool)
        into = offsets(lengths)[:-1]
        for number in np.unique(home):
            chosen = home == number
            own = places(starts[chosen] - self._starts[number], lengths[chosen])
            target = places(into[chosen], lengths[chosen])
            shard = self._shards[number]
            ids[target] = shard.tokens[own]
            begins[target] = (shard.words[own >> 3] >> (7 - (own & 7)).astype(np.uint8)) & 1
        return ids, begins

    def sentences_in(self, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where sentences begin inside some runs.

        Args:
            starts: First token of each run, int64 `[runs]`.
            stops: The token after its last, int64 `[runs]`; a run lies within one document.

        Returns:
            Tokens that begin a sentence, `start ≤ token < stop`, run after run, int64; and how many each run has,
            int64 `[runs]`.

        Raises:
            IndexError: A run leaves the store.
        """
        starts, stops = np.asarray(starts, np.int64), np.asarray(stops, np.int64)
        home = self._home(starts, stops)
        counts = np.empty(len(starts), np.int64)
        first = np.empty(len(starts), np.int64)
        for number in np.unique(home):
            chosen = home == number
            own, base = self._shards[number].sentences[:-1], self._starts[number]
            # Of the array's own type, or all of it would be read and turned into that of what is sought.
            begin, end = ((ends[chosen] - base).astype(own.dtype) for ends in (starts, stops))
            first[chosen] = np.searchsorted(own, begin)
            counts[chosen] = np.searchsorted(own, end) - first[chosen]
        counts = np.maximum(counts, 0)
        found, into = np.empty(counts.sum(), np.int64), offsets(counts)[:-1]
        for number in np.unique(home):
            chosen = home == number
            own = self._shards[number].sentences[places(first[chosen], counts[chosen])]
            found[places(into[chosen], counts[chosen])] = own + self._starts[number]
        return found, counts

    def _home(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """The shard in which each run lies."""
        home = np.searchsorted(self._starts, starts, side="right") - 1
        if len(starts) and (starts.min() < 0 or (stops > self._starts[np.minimum(home + 1, len(self._shards))]).any()):
            raise IndexError(f"{self.folder}: a run of tokens is not within one document of the {self.tokens} tokens")
        return np.asarray(np.minimum(home, len(self._shards) - 1))


def open_store(bundle: Bundle, split: str) -> TokenStore:
    """The store of a split, `train` or `dev`, of a Bundle made by `tokenize`.

    Raises:
        BundleError: The Bundle has none, or a damaged one.
    """
    if f"{split}/{_INDEX}" not in bundle.files():
        raise BundleError(
            f"{bundle.path}: this {bundle.stage} Bundle holds no tokens of {split}; make one of a corpus: "
            "limbeck tokenize CORPUS --out DIR"
        )
    for name in bundle.files():
        if name.startswith(f"{split}/"):
            bundle.file(name)
    return TokenStore.open(bundle.path / split)


def store_given(corpus: str) -> Bundle | None:
    """The token store that a corpus is given as; None for raw text.

    Raises:
        BundleError: It is another Bundle, or a damaged one.
    """
    if not is_bundle(place := Path(corpus).expanduser()):
        return None
    found = open_bundle(place)
    if found.stage != "tokenize":
        raise BundleError(
            f"{place}: is what `{found.stage}` made, no corpus; give raw text, or what `limbeck tokenize` made of it"
        )
    return found


def told_of(corpus: Bundle) -> dict[str, Any]:
    """What a model's Bundle is to say of the corpus that it was trained on."""
    names = ("name", "documents", "sentences", "tokens", "dev_documents", "dev_tokens", "vocabulary")
    return {name: corpus.facts[name] for name in names}


def _map(folder: Path, number: int, counts: dict[str, int], vocabulary: int) -> _Shard:
    """Map the files of a shard, each of the size that it must have."""
    types = {"tokens": token_type(vocabulary), "words": np.dtype("u1")}
    lengths = {
        "tokens": counts["tokens"],
        "sentences": counts["sentences"] + 1,
        "documents": counts["documents"] + 1,
        "words": -(-counts["tokens"] // 8),
    }
    arrays = {}
    for kind in KINDS:
        kept = types.get(kind, np.dtype("<u4"))
        path, length = folder / f"{shard_name(number)}.{kind}", lengths[kind]
        wanted = kept.itemsize * length
        if not path.is_file() or path.stat().st_size != wanted:
            raise _damaged(path, f"missing, or not of {wanted} bytes")
        arrays[kind] = np.asarray(np.memmap(path, kept, "r")) if length else np.zeros(0, kept)
    shard = _Shard(**arrays)
    for kind, ends in (("sentences", len(shard.tokens)), ("documents", counts["sentences"])):
        if arrays[kind][0] != 0 or arrays[kind][-1] != ends:
            raise _damaged(folder / f"{shard_name(number)}.{kind}", f"does not lead from 0 to {ends}")
    if len(shard.documents) > 1 and int(shard.documents.max()) > counts["sentences"]:
        raise _damaged(folder / f"{shard_name(number)}.documents", "leads beyond its sentences")
    return shard


def _document_starts(shard: _Shard) -> np.ndarray:
    return np.asarray(shard.sentences[shard.documents], np.int64)


def _damaged(path: Path, what: str) -> BundleError:
    return BundleError(f"{path}: {what}. Restore the Bundle or make it again: limbeck tokenize")

"""A corpus as tokens on disk, read where it is touched: numpy and memory maps alone.

A store is a folder: `store.json` and the shards that it lists, whose files `limbeck.text.token_documents` describes.
Tokens are counted over all shards in order; a run of tokens that is asked for lies within one document.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from mmap import ACCESS_READ, mmap
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
_MOST_MAPS = 1 << 14
"""Files that are mapped at a time, whatever a process may have open: Linux allows four times as many maps."""


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


class TokenStore:
    """Tokens, sentences and documents of a split of a corpus. Made by `TokenStore.open`.

    It may be copied to other processes: what is sent is the folder, not what is in it.
    """

    def __init__(self, folder: Path, vocabulary: int, counts: Sequence[dict[str, int]]) -> None:
        self.folder = folder
        self.vocabulary = vocabulary
        """Ids are below this."""
        self._counts = counts
        self._starts = offsets(np.array([shard["tokens"] for shard in counts], np.int64))
        # A map keeps its file open, and a large store has thousands: those not touched for longest are closed.
        self._file = lru_cache(_most_maps())(partial(_mapped, folder, vocabulary, counts))
        ends = [self._document_starts(number)[1:] for number in range(len(counts))]
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
        store = cls(folder, vocabulary, counts)
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
        for number in range(len(self._counts)):
            # Not through the map, whose pages would all be this process's for as long as it lasts.
            with _path(self.folder, number, "tokens").open("rb") as file:
                while len(piece := np.fromfile(file, token_type(self.vocabulary), _PIECE_TOKENS)):
                    self._check_ids(piece)
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
            BundleError: A file is missing or damaged, or an id is none of the vocabulary.
        """
        starts, lengths = np.asarray(starts, np.int64), np.asarray(lengths, np.int64)
        home = self._home(starts, starts + lengths)
        ids, begins = np.empty(lengths.sum(), np.int32), np.empty(lengths.sum(), bool)
        into = offsets(lengths)[:-1]
        for number in np.unique(home):
            chosen = home == number
            own = places(starts[chosen] - self._starts[number], lengths[chosen])
            target = places(into[chosen], lengths[chosen])
            ids[target] = self._file(number, "tokens")[own]
            begins[target] = (self._file(number, "words")[own >> 3] >> (7 - (own & 7)).astype(np.uint8)) & 1
        self._check_ids(ids.view(np.uint32))
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
            own, base = self._file(number, "sentences")[:-1], self._starts[number]
            # Of the array's own type, or all of it would be read and turned into that of what is sought.
            begin, end = ((ends[chosen] - base).astype(own.dtype) for ends in (starts, stops))
            first[chosen] = np.searchsorted(own, begin)
            counts[chosen] = np.searchsorted(own, end) - first[chosen]
        counts = np.maximum(counts, 0)
        found, into = np.empty(counts.sum(), np.int64), offsets(counts)[:-1]
        for number in np.unique(home):
            chosen = home == number
            own = self._file(number, "sentences")[places(first[chosen], counts[chosen])]
            found[places(into[chosen], counts[chosen])] = own + self._starts[number]
        return found, counts

    def _home(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """The shard in which each run lies."""
        home = np.searchsorted(self._starts, starts, side="right") - 1
        if len(starts) and (starts.min() < 0 or (stops > self._starts[np.minimum(home + 1, len(self._counts))]).any()):
            raise IndexError(f"{self.folder}: a run of tokens is not within one document of the {self.tokens} tokens")
        return np.asarray(np.minimum(home, len(self._counts) - 1))

    def _document_starts(self, number: int) -> np.ndarray:
        """The token of the store at which each document of a shard begins, and the end; its files are checked."""
        tokens, sentences, documents, _ = (self._file(number, kind) for kind in KINDS)
        for kind, array, end in (("sentences", sentences, len(tokens)), ("documents", documents, len(sentences) - 1)):
            if array[0] != 0 or array[-1] != end:
                raise _damaged(_path(self.folder, number, kind), f"does not lead from 0 to {end}")
        if int(documents.max()) >= len(sentences):
            raise _damaged(_path(self.folder, number, "documents"), "leads beyond its sentences")
        return np.asarray(sentences[documents] + self._starts[number], np.int64)

    def _check_ids(self, ids: np.ndarray) -> None:
        if len(ids) and (found := int(ids.max())) >= self.vocabulary:
            raise _damaged(self.folder, f"token {found} is not below the {self.vocabulary} of the vocabulary")


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


def _most_maps() -> int:
    """How many files are mapped at a time: a quarter of those that a process may have open, so that others may be."""
    import resource  # which systems other than POSIX lack

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_MAPS if allowed == resource.RLIM_INFINITY else min(allowed // 4, _MOST_MAPS)


def _mapped(folder: Path, vocabulary: int, counts: Sequence[dict[str, int]], number: int, kind: str) -> np.ndarray:
    """A file of a shard, mapped; it must be of the size that its counts tell.

    Raises:
        BundleError: It is not, or cannot be opened.
    """
    own = counts[number]
    kept, length = {
        "tokens": (token_type(vocabulary), own["tokens"]),
        "sentences": (np.dtype("<u4"), own["sentences"] + 1),
        "documents": (np.dtype("<u4"), own["documents"] + 1),
        "words": (np.dtype("u1"), -(-own["tokens"] // 8)),
    }[kind]
    path, wanted = _path(folder, number, kind), kept.itemsize * length
    try:
        if path.stat().st_size != wanted:
            raise _damaged(path, f"not of {wanted} bytes")
        if not length:
            return np.zeros(0, kept)
        with path.open("rb") as file:  # not by np.memmap, which takes twice the time
            return np.frombuffer(mmap(file.fileno(), 0, access=ACCESS_READ), kept)
    except FileNotFoundError:
        raise _damaged(path, "missing") from None
    except OSError as error:
        told = f"cannot be opened ({error.strerror}); mend its permissions, or allow more open files (ulimit -n)"
        raise BundleError(f"{path}: {told}") from None


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{shard_name(number)}.{kind}"


def _damaged(path: Path, what: str) -> BundleError:
    return BundleError(f"{path}: {what}. Restore the Bundle or make it again: limbeck tokenize")

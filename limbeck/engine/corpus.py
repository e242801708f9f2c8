"""Rows of a corpus for training: pieces of its documents, of which a pretext hides words or exchanges the second text.

Nothing is kept of the corpus but where its documents begin; a batch reads what it needs of the memory-mapped store.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from limbeck.core.bundle import Bundle
from limbeck.core.errors import DataError
from limbeck.core.journal import Journal
from limbeck.engine import processes
from limbeck.engine.dealing import dealt, sent
from limbeck.nn.types import Batch, Unit
from limbeck.text.draws import Draws
from limbeck.text.encode import Encoder
from limbeck.text.pretext import UNASKED, Corpus, PairPretext, Passages, Runs, WordPretext
from limbeck.text.runs import spans
from limbeck.text.token_store import open_store

_FEWEST_TOKENS = 8
"""What is left of a document after its last full piece is left out if it is shorter; so are shorter documents."""
_LONG_READ_BYTES = 4e9
"""What takes some seconds to be hashed is told of before."""
_SAMPLE = 512
"""Rows that are looked at to tell whether pairs can be asked about at all."""


@dataclass(frozen=True)
class Questions:
    """What is asked of a network about a corpus.

    Attributes:
        words: Hides words; None leaves texts as they are.
        pairs: Exchanges second texts; None makes rows of one text.
        drawn: Whether hidden words are to be filled in by drawing: each then has its chance.
        every_token: Whether each token gets an answer, hidden or not; else the hidden ones alone.
    """

    words: WordPretext | None = None
    pairs: PairPretext | None = None
    drawn: bool = False
    every_token: bool = False


class CorpusRows:
    """A corpus cut into rows of at most `length` tokens, none across the end of a document.

    Pairs of texts are made of these by their pretext, which moves them to where sentences begin.

    A row's number also says how often the corpus has been gone through before: `turn · len(rows) + row`.

    Args:
        store: The corpus.
        encoder: Knows the special tokens around texts; its `max_length` is the rows'.
        questions: What is asked.
        seed: With turn and place, all that a row depends on.

    Raises:
        DataError: No document is long enough.
    """

    def __init__(self, store: Corpus, encoder: Encoder, questions: Questions, seed: int) -> None:
        self._store, self._questions, self._seed = store, questions, seed
        self._frame = encoder.frame if questions.pairs is None else encoder.pair_frame
        self._room = encoder.max_length - self._frame.size
        sizes = np.diff(store.document_starts)
        counts = np.maximum(-(-(sizes - _FEWEST_TOKENS + 1) // self._room), 0)
        self._firsts = np.concatenate([[0], np.cumsum(counts)])
        self.left_out = 1 - float(np.minimum(counts * self._room, sizes).sum() / max(sizes.sum(), 1))
        """Part of the corpus that is in no row."""
        if not len(self):
            raise DataError(f"no document of at least {_FEWEST_TOKENS} tokens")

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def token_count(self, numbers: Sequence[int]) -> int:
        """Tokens of some rows, special ones included; of pairs about."""
        return int((self._pieces(np.asarray(numbers) % len(self)).lengths + self._frame.size).sum())

    @property
    def relates(self) -> bool:
        """Whether any of some rows all over the corpus is asked how its two texts belong together."""
        if self._questions.pairs is None:
            return False
        some = np.unique(np.linspace(0, len(self) - 1, _SAMPLE).astype(np.int64))
        relations = self._questions.pairs.pair(self._pieces(some), self._room, self._store, Draws(self._seed))[2]
        return bool((relations != UNASKED).any())

    def batch(self, numbers: Sequence[int], device: torch.device) -> Batch:
        """Some rows, those of equal length together, on a device."""
        return self.parts(numbers, 1, device)[0]

    def parts(self, numbers: Sequence[int], count: int, device: torch.device) -> list[Batch]:
        """A batch in parts; see `dealt`."""
        turns, rows = np.divmod(np.asarray(numbers), len(self))
        made = [self._made(rows[turns == turn], Draws(self._seed, int(turn))) for turn in np.unique(turns)]
        whole = _joined(made)
        order = np.argsort(whole.lengths, kind="stable")
        distinct = sent(np.unique(whole.ids), device)
        return dealt(order, count, whole.counts, lambda part, shares: whole.batch(part, shares, device), distinct)

    def _pieces(self, rows: np.ndarray) -> Runs:
        """Where rows stand in the corpus."""
        bounds = self._store.document_starts
        document = np.searchsorted(self._firsts, rows, side="right") - 1
        starts = bounds[document] + (rows - self._firsts[document]) * self._room
        return Runs(starts, np.minimum(self._room, bounds[document + 1] - starts))

    def _made(self, rows: np.ndarray, draws: Draws) -> "_Flat":
        pieces = self._pieces(rows)
        relations = np.full(len(rows), UNASKED)
        texts = [pieces]
        if self._questions.pairs is not None:
            *texts, relations = self._questions.pairs.pair(pieces, self._room, self._store, draws)
        passages, types, lengths = self._framed(texts)
        ids, targets = passages.ids, np.full(len(passages.ids), -1)
        if self._questions.words is not None:
            asked = self._questions.words.ask(passages, draws)
            ids, targets = asked.ids, np.where(asked.hidden, passages.ids, -1)
        items = np.ones(len(ids), bool)
        if not self._questions.every_token:
            items = targets >= 0
            items[np.cumsum(lengths) - lengths] |= self._questions.words is None  # a network answers for something
        chances = draws.uniform("fill", passages.places) if self._questions.drawn else None
        return _Flat(rows, ids, types, lengths, targets, items, relations, chances)

    def _framed(self, texts: Sequence[Runs]) -> tuple[Passages, np.ndarray, np.ndarray]:
        """Rows of these texts with what stands around them; their token types and lengths."""
        count, frame = len(texts[0].starts), self._frame
        lengths = sum((text.lengths for text in texts), np.full(count, frame.size))
        total = int(lengths.sum())
        ids, types, places = (np.zeros(total, np.int64) for _ in range(3))
        begins, real = np.ones(total, bool), np.zeros(total, bool)
        at = np.cumsum(lengths) - lengths
        for special, kind, text in zip(frame.special, [*frame.types, 0], [*texts, None], strict=True):
            for token, its in special:
                ids[at], types[at] = token, its
                at = at + 1
            if text is not None:
                taken = spans(np.stack([at, at + text.lengths], 1).ravel(), 2 * np.arange(count))
                ids[taken], begins[taken] = self._store.gather(text.starts, text.lengths)
                places[taken] = spans(
                    np.stack([text.starts, text.starts + text.lengths], 1).ravel(), 2 * np.arange(count)
                )
                types[taken], real[taken] = kind, True
                at = at + text.lengths
        rows = np.repeat(np.arange(count), lengths)
        return Passages(ids, rows, begins, real, places), types, lengths


def check_whole(corpus: Bundle, log: Journal) -> None:
    """Compare a corpus with its hashes before it is trained on; of several processes, in the first alone.

    Args:
        corpus: A Bundle made by `tokenize`.
        log: Where is told what takes a while.

    Raises:
        BundleError: A file is damaged.
    """
    if not processes.is_first():
        return
    size = sum(entry["size_bytes"] for entry in corpus.manifest["files"].values())
    if size > _LONG_READ_BYTES:
        log.say(f"{corpus.path}: {size / 1e9:.0f} GB are read once and compared with their hashes")
    corpus.check_hashes()


def splits(corpus: Bundle, encoder: Encoder, questions: Questions, seed: int) -> tuple[CorpusRows, CorpusRows]:
    """Rows to train on, and rows of the documents held out.

    Args:
        corpus: A Bundle made by `tokenize`.
        encoder: As `CorpusRows`'s; likewise `questions` and `seed`.
        questions: See `encoder`.
        seed: See `encoder`.

    Raises:
        BundleError: It holds no tokens.
        DataError: One of both has no document that is long enough.
    """
    try:
        train, dev = (CorpusRows(open_store(corpus, split), encoder, questions, seed) for split in ("train", "dev"))
    except DataError as error:
        known = f"{corpus.facts['tokens']} tokens to train on and {corpus.facts['dev_tokens']} held out"
        raise DataError(
            f"{corpus.path}: {error}. It has {known}, and both are needed; separate documents by blank lines, or set "
            "tokenize.dev_fraction or tokenize.dev_tokens, whichever allows less, higher"
        ) from None
    return train, dev


@dataclass(frozen=True)
class _Flat:
    """Rows laid end to end, as the network is to see them."""

    numbers: np.ndarray
    ids: np.ndarray
    types: np.ndarray
    lengths: np.ndarray
    targets: np.ndarray
    items: np.ndarray
    relations: np.ndarray
    chances: np.ndarray | None

    @property
    def starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.lengths)])

    def counts(self, rows: np.ndarray) -> dict[Unit, int]:
        tokens, lengths = spans(self.starts, rows), self.lengths[rows]
        return {
            "rows": len(rows),
            "items": int(self.items[tokens].sum()),
            "labelled": int((self.targets[tokens] >= 0).sum()),
            "tokens": len(tokens),
            "pairs": int((lengths**2).sum()),
            "related": int((self.relations[rows] != UNASKED).sum()),
            "batch": len(rows),
        }

    def batch(self, rows: np.ndarray, shares: Mapping[Unit, float], device: torch.device) -> Batch:
        tokens = spans(self.starts, rows)
        items = np.flatnonzero(self.items[tokens])

        return Batch(
            input_ids=sent(self.ids[tokens], device),
            token_type_ids=sent(self.types[tokens], device),
            lengths=tuple(self.lengths[rows].tolist()),
            targets=sent(self.targets[tokens][items], device),
            items=sent(items, device),
            rows=torch.from_numpy(self.numbers[rows]),
            shares=shares,
            relations=sent(self.relations[rows], device),
            chances=None if self.chances is None else sent(self.chances[tokens][items], device).float(),
        )


def _joined(parts: Sequence[_Flat]) -> _Flat:
    if len(parts) == 1:
        return parts[0]

    def whole(name: str) -> Any:
        found = [getattr(part, name) for part in parts]
        return None if found[0] is None else np.concatenate(found)

    return _Flat(*(whole(field.name) for field in dataclasses.fields(_Flat)))


class Rounds:
    """A number of steps through a corpus, again from its beginning where it ends, in rounds between two exams.

    Args:
        rows: The corpus.
        steps: Steps in all, ≥ 1.
        every: Steps in a round; the last may have fewer.
        batch_size: Rows per step.
        seed: What the order depends on.
        turn: How often the corpus was begun before: the order is another each time, as is what is hidden.
    """

    def __init__(self, rows: CorpusRows, steps: int, every: int, batch_size: int, seed: int, turn: int = 0) -> None:
        self.epochs = -(-steps // every)
        self.turns = turn - (-steps * batch_size // len(rows))
        """How often it was begun in the end."""
        self._rows, self._steps, self._every, self._batch_size, self._seed = rows, steps, every, batch_size, seed
        self._first = turn * len(rows)
        self.token_count, self.parts = rows.token_count, rows.parts
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def before(self, epoch: int) -> int:
        """As many for each round but perhaps the last."""
        return min(epoch * self._every, self._steps)

    def batches(self, epoch: int) -> list[list[int]]:
        """The next rows of the shuffled corpus."""
        numbers = self._first + np.arange(
            self.before(epoch) * self._batch_size, self.before(epoch + 1) * self._batch_size
        )
        turns, places = np.divmod(numbers, len(self._rows))
        for turn in np.unique(turns):
            now = turns == turn
            numbers[now] = turn * len(self._rows) + self._order(int(turn))[places[now]]
        found: list[list[int]] = numbers.reshape(-1, self._batch_size).tolist()
        return found

    def _shuffled(self, turn: int) -> np.ndarray:
        return np.random.default_rng((self._seed, turn)).permutation(len(self._rows))

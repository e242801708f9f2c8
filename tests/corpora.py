"""Corpora in memory, for tests of what reads corpora."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from limbeck.text.pretext import Lexicon

UNKNOWN, MASK, SPECIAL, SIZE = 1, 4, np.arange(5), 60


@dataclass
class Small:
    """Documents as lists of sentences, each a list of ids; a token begins a word unless its id is divisible by 3."""

    documents: list

    @cached_property
    def ids(self):
        return np.array([t for document in self.documents for sentence in document for t in sentence])

    @property
    def tokens(self):
        return len(self.ids)

    @cached_property
    def document_starts(self):
        return np.cumsum([0, *(sum(map(len, document)) for document in self.documents)])

    @cached_property
    def sentence_starts(self):
        lengths = [len(sentence) for document in self.documents for sentence in document]
        return np.cumsum([0, *lengths])[:-1]

    def sentences_in(self, starts, stops):
        bounds = np.searchsorted(self.sentence_starts, np.stack([starts, stops], 1))
        found = [self.sentence_starts[a:b] for a, b in bounds]
        return np.concatenate(found), np.array([len(f) for f in found])

    def gather(self, starts, lengths):
        ids = np.concatenate([self.ids[a : a + n] for a, n in zip(starts, lengths, strict=True)])
        return ids, ids % 3 > 0


def small(seed=0, documents=6, sentences=(3, 9)):
    """Documents of a few sentences, at least as many as the first number and fewer than the second."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(documents):
        made.append([rng.integers(5, SIZE, rng.integers(2, 9)).tolist() for _ in range(rng.integers(*sentences))])
    return Small(made)


def lexicon(corpus=None):
    counts = np.ones(SIZE, np.int64) if corpus is None else np.bincount(corpus.ids, minlength=SIZE)
    return Lexicon(SIZE, MASK, SPECIAL, counts)

"""Replace words by their nearest neighbours in a model's own input embeddings: no masked LM, nothing to download.

TinyBERT (Jiao et al. 2020, arXiv:1909.10351, Algorithm 1) does so, in GloVe vectors, for words of several pieces only.
Here it is done in the embeddings of the teacher, and for words that are one token of its vocabulary, as means of pieces
lie next to nonsense. Neighbours are such words too, ranked by cosine; Chinese characters have Chinese neighbours.

Reads the teacher's embedding table and tokenizer. Costs at most one product of the table with itself, however many
the rows, made block by block, so that memory stays flat: a few seconds for 30 000 tokens.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.checkpoint import EMBEDDED, model_hashes, read_word_table, resolve
from limbeck.nn.model import best_device
from limbeck.nn.tokenizers import read_tokenizer
from limbeck.text.port import Augmenter, Draw
from limbeck.text.replacement import is_content, replaced
from limbeck.text.sentence import Sentence
from limbeck.text.vocabulary import Vocabulary
from limbeck.text.words import is_cjk

_BLOCK = 256


class Spec(CoreSpec):
    """Neighbours in an embedding table."""

    model: str = ""
    """Whose table: a directory, `hf:org/name[@revision]` or `minilm-l6`; empty: the teacher's, and `minilm-l6` where no
    teacher is given."""
    candidates: int = Field(15, ge=1, le=1000)
    """K, how many neighbours of a word are drawn from, all alike; TinyBERT has 15."""
    probability: float = Field(0.4, gt=0, le=1)
    """Share of the words that are replaced, of those with letters alone that are no stop words; TinyBERT has 0.4."""


class Script:
    """The words of one script and their neighbours, a block of the vocabulary at a time, when one is first asked for.

    Blocks are quick, and are always the same ones: no other word that is asked for changes a last digit.

    Args:
        words: Token id → word.
        table: Input embeddings.
        count: How many neighbours are wanted.
    """

    def __init__(self, words: Mapping[int, str], table: Float[Tensor, "tokens width"], count: int) -> None:
        self._words = list(words.values())
        self._directions = normalize(table[list(words)], dim=-1).to(best_device())
        self._count = count
        self._spellings: dict[str, list[int]] = defaultdict(list)
        for row, word in enumerate(self._words):
            self._spellings[word.casefold()].append(row)
        self._blocks: dict[int, list[list[int]]] = {}

    def neighbours(self, row: int) -> list[str]:
        """The neighbours of the word in a row, none of them another spelling of it."""
        block, place = divmod(row, _BLOCK)
        if block not in self._blocks:
            rows = range(row - place, min(row - place + _BLOCK, len(self._words)))
            twins = [self._spellings[self._words[i].casefold()] for i in rows]
            self._blocks[block] = nearest(self._directions, rows, twins, self._count)
        return [self._words[other] for other in self._blocks[block][place]]


def nearest(
    directions: Float[Tensor, "words width"], rows: range, twins: Sequence[Sequence[int]], count: int
) -> list[list[int]]:
    """For each of some rows, the rows whose directions are nearest to its own, the nearest first.

    Args:
        directions: Embeddings of length 1.
        rows: Whose neighbours are wanted.
        twins: For each of them, the rows that are none, itself among them.
        count: How many are wanted; there may be fewer.

    >>> directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [0.6, 0.8]])
    >>> nearest(directions, range(2), [[0], [1, 3]], 2)
    [[2, 3], [2, 0]]
    """
    cosines = directions[rows.start : rows.stop] @ directions.T
    for one, others in zip(cosines, twins, strict=True):
        one[list(others)] = -torch.inf
    best = cosines.topk(min(count, len(directions)))
    return [
        [row for row, cosine in zip(*found, strict=True) if cosine > -torch.inf]
        for found in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


class Neighbours:
    """Replacement by neighbours.

    Args:
        spec: Its fields.
        table: Input embeddings.
        vocabulary: The words among the tokens.
        title: What it is, for people.
    """

    def __init__(self, spec: Spec, table: Float[Tensor, "tokens width"], vocabulary: Vocabulary, title: str) -> None:
        self.title = title
        self._spec = spec
        self._vocabulary = vocabulary
        self._places: dict[int, tuple[Script, int]] = {}
        for chinese in (False, True):
            words = {token: word for token, word in vocabulary.words.items() if is_cjk(word) == chinese}
            script = Script(words, table, spec.candidates)
            self._places |= {token: (script, row) for row, token in enumerate(words)}

    def plan(self, sentence: Sentence) -> Draw:
        """Look up the neighbours of each content word."""
        found = {i: self._neighbours(word) for i, word in enumerate(sentence.words) if is_content(word)}
        candidates = {i: words for i, words in found.items() if words}
        return lambda random: replaced(sentence.words, candidates, self._spec.probability, random)

    def _neighbours(self, word: str) -> list[str]:
        token, *rest = self._vocabulary.pieces(word) or [-1]
        if rest or token not in self._places:
            return []
        script, row = self._places[token]
        return script.neighbours(row)


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the files of the model that is named, or stands in for a teacher."""
    return model_hashes(spec.model or EMBEDDED)


def build(spec: Spec, teacher: Path | None) -> Augmenter:
    """The augmenter.

    Args:
        spec: Its fields.
        teacher: The teacher's directory, if there is a teacher.

    Raises:
        BundleError: The model has no tokenizer or no embeddings that can be read.
    """
    model = "the teacher" if teacher and not spec.model else spec.model or EMBEDDED
    folder = teacher if teacher and not spec.model else resolve(model)
    title = f"neighbours in the embeddings of {model}"
    return Neighbours(spec, read_word_table(folder), Vocabulary(read_tokenizer(folder)), title)

"""Replace words by their nearest neighbours in a model's own input embeddings: no masked LM, nothing to download.

TinyBERT (Jiao et al. 2020, arXiv:1909.10351, Algorithm 1) does so, in GloVe vectors, for words of several pieces only.
Here it is done in the embeddings of the teacher, and for words that are one token of its vocabulary, as means of pieces
lie next to nonsense. Neighbours are such words too, ranked by cosine; Chinese characters have Chinese neighbours.

Reads the teacher's embedding table and tokenizer. Costs one product with that table for each different word; what it
holds is the table and, while it searches, one number for each token.
"""

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.checkpoint import EMBEDDED, model_hashes, read_tokenizer, read_word_table, resolve
from limbeck.text.port import Augmenter, Draw
from limbeck.text.replacement import is_content, replaced
from limbeck.text.sentence import Sentence
from limbeck.text.vocabulary import Vocabulary
from limbeck.text.words import is_cjk

_CACHED_WORDS = 1 << 17


class Spec(CoreSpec):
    """Neighbours in an embedding table."""

    model: str = ""
    """Whose table: a directory, `hf:org/name[@revision]` or `minilm-l6`; empty: the teacher's, and `minilm-l6` where no
    teacher is given."""
    candidates: int = Field(15, ge=1, le=1000)
    """K, how many neighbours of a word are drawn from, all alike; TinyBERT has 15."""
    probability: float = Field(0.4, gt=0, le=1)
    """Share of the words that are replaced, of those with letters alone that are no stop words; TinyBERT has 0.4."""


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
        self._directions = normalize(table, dim=-1)
        self._spellings: dict[str, list[int]] = defaultdict(list)
        self._strange = {chinese: torch.ones(len(table), dtype=torch.bool) for chinese in (False, True)}
        for token, word in vocabulary.words.items():
            self._spellings[word.casefold()].append(token)
            self._strange[is_cjk(word)][token] = False
        self._neighbours = lru_cache(_CACHED_WORDS)(self._search)

    def plan(self, sentence: Sentence) -> Draw:
        """Find the neighbours of each content word."""
        found = {i: self._neighbours(word) for i, word in enumerate(sentence.words) if is_content(word)}
        candidates = {i: words for i, words in found.items() if words}
        return lambda random: replaced(sentence.words, candidates, self._spec.probability, random)

    def _search(self, word: str) -> list[str]:
        pieces = self._vocabulary.pieces(word)
        if len(pieces) != 1 or pieces[0] not in self._vocabulary.words:
            return []
        excluded = self._strange[is_cjk(word)].clone()
        excluded[self._spellings[self._vocabulary.words[pieces[0]].casefold()]] = True
        near = nearest(self._directions, pieces[0], excluded, self._spec.candidates)
        return [self._vocabulary.words[token] for token in near]


def nearest(
    directions: Float[Tensor, "tokens width"], token: int, excluded: Bool[Tensor, " tokens"], count: int
) -> list[int]:
    """The tokens whose directions are nearest to that of one token.

    Args:
        directions: Embeddings of length 1.
        token: Whose neighbours are wanted.
        excluded: Tokens that are none.
        count: How many are wanted; there may be fewer.

    >>> directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [0.6, 0.8]])
    >>> nearest(directions, 0, torch.tensor([True, False, False, False]), 2)
    [2, 3]
    """
    cosines = (directions @ directions[token]).masked_fill(excluded, -torch.inf)
    count = min(count, int((~excluded).sum()))
    found: list[int] = cosines.topk(count).indices.tolist()
    return found


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

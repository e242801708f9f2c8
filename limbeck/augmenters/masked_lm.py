"""Replace words by what a masked LM would write (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, Algorithm 1).

Each word of letters that is no stop word is a place. It is masked, and `masked [SEP] original` is given to the MLM,
whose K likeliest words are the candidates. A variant replaces each place with probability p_t, by one of them.

Chinese: a word is what jieba cuts; all its characters are masked at once, as in Cui et al. 2019, arXiv:1906.08101, and
its candidates, as long as the word, are the K likeliest if its characters are held to be independent.

Reads the MLM. Costs a pass of twice the text's length for each place, once for all variants. All places of a sentence
go through together, unpadded and with no other sentence, so that what comes out is decided by the sentence alone.

Departs from the paper: one mask stands for a word of several pieces, where the paper takes neighbours in GloVe vectors
(neighbours of means of pieces, to do without GloVe, are nonsense); and candidates are words, letters only and not the
word itself, where the authors' code has what is left of K tokens once those with `##` are dropped.
"""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from tokenizers import Encoding
from torch import Tensor

from limbeck.core.errors import BundleError
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.checkpoint import load_network, model_hashes, read_config, resolve
from limbeck.nn.model import best_device, longest_input, reads_token_types
from limbeck.nn.tokenizers import read_tokenizer
from limbeck.text.encode import clean
from limbeck.text.port import Augmenter, Draw
from limbeck.text.replacement import is_content, replaced
from limbeck.text.sentence import Sentence
from limbeck.text.special_tokens import NAMES, special_id
from limbeck.text.vocabulary import Vocabulary
from limbeck.text.words import is_cjk

_HEAD = "AutoModelForMaskedLM"
_TOKENS_PER_PASS = 8192
_CHARACTERS_PER_TOKEN = 20


class Spec(CoreSpec):
    """Words from a masked language model."""

    model: str = "hf:google-bert/bert-base-uncased"
    """The MLM, one that was not fine-tuned: a directory or `hf:org/name[@revision]`; the paper has BERT-base."""
    candidates: int = Field(15, ge=1, le=1000)
    """K, how many words may stand in a place, all alike; the paper has 15."""
    probability: float = Field(0.4, gt=0, le=1)
    """Share of the places that are replaced, the paper's p_t; there it is 0.4."""
    max_length: int = Field(128, ge=1)
    """Tokens of a text that are looked at; words after them stay. More than the teacher reads is of no use."""


@dataclass(frozen=True)
class Masked:
    """The input for one place.

    Attributes:
        word: Index of the word.
        ids: `masked [SEP] original`.
        types: 0 for the first text, 1 for the second.
        masks: Where the masks are.
    """

    word: int
    ids: list[int]
    types: list[int]
    masks: range


class Filler:
    """An MLM that fills masks.

    Args:
        network: A stock network with an MLM head, an `nn.Module`.
        device: Where it is to run.
    """

    def __init__(self, network: Any, device: torch.device) -> None:
        self._network = network.to(device).requires_grad_(False)
        self._device = device
        self._masks: Tensor | None = None
        # The head's last product is the widest by far, and is needed at the masks alone.
        self._network.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0][self._masks],))

    @torch.inference_mode()
    def log_probabilities(
        self, ids: Int[Tensor, "copies seq"], types: Int[Tensor, "copies seq"], masks: Bool[Tensor, "copies seq"]
    ) -> Float[Tensor, "masks vocabulary"]:
        """How likely each token is at each mask, copy by copy."""
        inputs = {"input_ids": ids.to(self._device), "attention_mask": torch.ones_like(ids, device=self._device)}
        if reads_token_types(self._network.config):
            inputs["token_type_ids"] = types.to(self._device)
        self._masks = masks.to(self._device)
        logits: Tensor = self._network(**inputs).logits
        if logits.ndim == 3:  # MobileBERT's head multiplies by that layer's weights without calling it
            logits = logits[self._masks]
        return logits.log_softmax(-1).cpu()


class MaskedLm:
    """Replacement by an MLM's words.

    Args:
        spec: Its fields.
        filler: The MLM.
        vocabulary: Its words.
        mask: The token id of the mask.
    """

    def __init__(self, spec: Spec, filler: Filler, vocabulary: Vocabulary, mask: int) -> None:
        self.title = f"words that {spec.model} writes in their place"
        self._spec = spec
        self._filler = filler
        self._vocabulary = vocabulary
        self._mask = mask
        self._tokens = {
            chinese: torch.tensor([i for i, w in vocabulary.words.items() if is_cjk(w) == chinese], dtype=torch.long)
            for chinese in (False, True)
        }

    def plan(self, sentence: Sentence) -> Draw:
        """Ask the MLM once for every place of the sentence."""
        encoding = self._encode(sentence.text)
        places = [
            masked(encoding, i, pieces, self._mask, len(pieces) if is_cjk(word) else 1)
            for i, (word, pieces) in enumerate(zip(sentence.words, pieces_of(encoding, sentence), strict=True))
            if pieces and is_content(word)
        ]
        found: dict[int, list[str]] = {}
        for group in batches(places):
            for place, rows in zip(group, self._ask(group), strict=True):
                found[place.word] = self._candidates(sentence.words[place.word], rows)
        candidates = {i: found[i] for i in sorted(found) if found[i]}
        return lambda random: replaced(sentence.words, candidates, self._spec.probability, random)

    def _encode(self, text: str) -> Encoding:
        """`text [SEP] text`, each half cut to `max_length` tokens."""
        tokenizer, limit = self._vocabulary.tokenizer, self._spec.max_length
        text = clean(text[: limit * _CHARACTERS_PER_TOKEN])
        half = tokenizer.encode(text, add_special_tokens=False)
        if len(half.ids) > limit:
            text = text[: half.offsets[limit - 1][1]]
        return tokenizer.encode(text, text)

    def _ask(self, places: Sequence[Masked]) -> Sequence[Float[Tensor, "_ vocabulary"]]:
        """For each place, the log probabilities at its masks."""
        masks = torch.zeros(len(places), len(places[0].ids), dtype=torch.bool)
        for row, place in enumerate(places):
            masks[row, list(place.masks)] = True
        ids, types = (torch.tensor([getattr(place, name) for place in places]) for name in ("ids", "types"))
        return torch.split(self._filler.log_probabilities(ids, types, masks), [len(place.masks) for place in places])

    def _candidates(self, word: str, rows: Float[Tensor, "masks vocabulary"]) -> list[str]:
        """The likeliest words but the word itself."""
        tokens, count = self._tokens[is_cjk(word)], self._spec.candidates + 1
        best = rows[:, tokens].topk(min(count, len(tokens)))
        columns = [
            [(self._vocabulary.words[token], score) for token, score in zip(*row, strict=True)]
            for row in zip(tokens[best.indices].tolist(), best.values.tolist(), strict=True)
        ]
        others = [other for other in likeliest(columns, count) if other.casefold() != word.casefold()]
        return others[: self._spec.candidates]


def pieces_of(encoding: Encoding, sentence: Sentence) -> list[list[int]]:
    """For each word, the positions of its tokens in the first of two texts; none where it was cut off."""
    ends = [end for _, end in sentence.spans]
    found: list[list[int]] = [[] for _ in ends]
    whole = [False] * len(ends)
    for position, ((start, end), text) in enumerate(zip(encoding.offsets, encoding.sequence_ids, strict=True)):
        word = bisect_left(ends, end)
        if text != 0 or word == len(ends) or start == end:
            continue
        begin = end - len(sentence.text[start:end].lstrip())  # some tokenizers count the space before a word in
        if begin >= sentence.spans[word][0]:
            found[word].append(position)
            whole[word] = end == ends[word]
    return [pieces if complete else [] for pieces, complete in zip(found, whole, strict=True)]


def masked(encoding: Encoding, word: int, pieces: Sequence[int], mask: int, masks: int) -> Masked:
    """Put masks in the place of a word's pieces."""
    first, after = pieces[0], pieces[-1] + 1
    return Masked(
        word,
        [*encoding.ids[:first], *[mask] * masks, *encoding.ids[after:]],
        [*encoding.type_ids[:first], *[0] * masks, *encoding.type_ids[after:]],
        range(first, first + masks),
    )


def batches(places: Iterable[Masked]) -> Iterator[list[Masked]]:
    """Places of equal length together, as many as one pass takes."""
    for length, group in groupby(sorted(places, key=lambda place: len(place.ids)), key=lambda place: len(place.ids)):
        equal, size = list(group), max(1, _TOKENS_PER_PASS // length)
        yield from (equal[i : i + size] for i in range(0, len(equal), size))


def likeliest(columns: Sequence[Sequence[tuple[str, float]]], count: int) -> list[str]:
    """The strings of one choice from each column that have the largest sums of scores, the largest first.

    >>> likeliest([[("北", -0.1), ("南", -1.0)], [("京", -0.2), ("方", -0.5)]], 3)
    ['北京', '北方', '南京']
    """
    beam = [("", 0.0)]
    for column in columns:
        longer = ((text + piece, total + score) for text, total in beam for piece, score in column)
        beam = heapq.nlargest(count, longer, key=lambda entry: entry[1])
    return [text for text, _ in beam]


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the MLM's files."""
    return model_hashes(spec.model)


def build(spec: Spec, teacher: Path | None) -> Augmenter:
    """The augmenter.

    Args:
        spec: Its fields.
        teacher: Not read; a teacher has no MLM head any more.

    Raises:
        BundleError: The model is no MLM, has no mask, or has fewer positions than two texts need.
    """
    folder = resolve(spec.model)
    config = read_config(folder)
    heads = config.architectures or ["no head is named"]
    if not any(name.endswith(("ForMaskedLM", "ForPreTraining")) for name in heads):
        raise BundleError(
            f"{folder}: no masked language model ({', '.join(heads)}); give one, as hf:google-bert/bert-base-uncased, "
            "in augmenter.model, or take the augmenter neighbours, which needs none"
        )
    vocabulary = Vocabulary(read_tokenizer(folder))
    mask = special_id(vocabulary.tokenizer, "mask_token")
    if mask is None:
        neither = " nor ".join(NAMES["mask_token"])
        raise BundleError(f"{folder}: its tokenizer has neither {neither}; give the tokenizer of the MLM")
    positions = longest_input(config)
    room = (positions - vocabulary.tokenizer.num_special_tokens_to_add(True)) // 2
    if spec.max_length > room:
        raise BundleError(
            f"{folder}: max_length {spec.max_length}, twice, is more than the model's {positions} positions; "
            f"set augmenter.max_length to at most {room}"
        )
    return MaskedLm(spec, Filler(load_network(folder, _HEAD), best_device()), vocabulary, mask)

"""Small random networks, and rows that they can learn, for tests."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer

from limbeck.nn.model import Model, tapped
from limbeck.nn.types import Batch
from tests.makers import byte_level_tokenizer, tiny_tokenizer, unigram_tokenizer

ROOT = Path(__file__).parent.parent
VOCABULARY = 60
_ROBERTA = {"type_vocab_size": 1, "max_position_embeddings": 66}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "distilbert": {},
    "roberta": _ROBERTA,
    "xlm_roberta": _ROBERTA,
    "electra": {"embedding_size": 16},
    "albert": {"embedding_size": 16},
    "mobilebert": {"embedding_size": 16, "intra_bottleneck_size": 8, "num_feedforward_networks": 2},
}
"""Families, and what of their configuration is not the default or the size."""
NARROWED = [family for family in FAMILIES if family != "mobilebert"]
"""Families whose students may be narrower than their teachers."""


def config(family: str, *, vocabulary: int = VOCABULARY, layers: int = 4, hidden: int = 24, heads: int = 4) -> Any:
    """A small configuration of 64 tokens' positions."""
    if family == "distilbert":
        size = {"n_layers": layers, "dim": hidden, "n_heads": heads, "hidden_dim": 2 * hidden}
    else:
        size = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
        size["intermediate_size"] = 2 * hidden
    others = {"vocab_size": vocabulary, "max_position_embeddings": 64, **FAMILIES[family]}
    return transformers.AutoConfig.for_model(family.replace("_", "-"), **size, **others)


def network(
    family: str = "bert", *, per_word: bool = False, layers: int = 4, hidden: int = 24, heads: int = 4, seed: int = 0
) -> Any:
    """A random network of three labels."""
    torch.manual_seed(seed)
    size = config(family, layers=layers, hidden=hidden, heads=heads)
    size.num_labels = 3
    head = "AutoModelForTokenClassification" if per_word else "AutoModelForSequenceClassification"
    made = getattr(transformers, head).from_config(size)
    with torch.no_grad():  # larger weights than the initial ones, so that no two layers act alike
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    return made.eval()


def pretrained(family: str = "bert", head: str = "MaskedLM", *, seed: int = 0, **size: Any) -> Any:
    """A random network with the heads of pre-training, of larger weights than the initial ones, biases among them."""
    torch.manual_seed(seed)
    made = getattr(transformers, f"AutoModelFor{head}").from_config(config(family, **size))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
            else:
                parameter.add_(torch.randn_like(parameter) / 10)
    return made.eval()


def model(family: str = "bert", *, packs: bool = True, **options: Any) -> Model:
    """A tapped random network, which pads its batches unless `packs`."""
    made = tapped(network(family, **options), per_word=options.get("per_word", False))
    return made if packs else replace(made, packs=False)


def batch(lengths: tuple[int, ...] = (7, 4, 9, 4), *, per_word: bool = False, seed: int = 1) -> Batch:
    """Random rows; of words, every second token is a first sub-word."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCABULARY, (sum(lengths),), generator=draw)
    starts = [sum(lengths[:row]) for row in range(len(lengths))]
    ends = [start + length for start, length in zip(starts, lengths, strict=True)]
    items = [i for a, b in zip(starts, ends, strict=True) for i in (range(a + 1, b, 2) if per_word else [a])]
    targets = torch.randint(0, 3, (len(items),), generator=draw)
    return Batch(
        ids, torch.zeros_like(ids), lengths, targets, torch.tensor(items, dtype=torch.long), torch.arange(len(lengths))
    )


def masked(lengths: tuple[int, ...] = (7, 4, 9, 4), *, seed: int = 1) -> Batch:
    """Random rows of which about every second token is asked for, and of those about every fourth is not known."""
    made, draw = batch(lengths, seed=seed), torch.Generator().manual_seed(seed)
    items = (torch.rand(sum(lengths), generator=draw) < 0.5).nonzero()[:, 0]
    targets = torch.randint(0, VOCABULARY, (len(items),), generator=draw)
    targets[torch.rand(len(items), generator=draw) < 0.25] = -1
    return replace(made, items=items, targets=targets)


def chosen(batch: Batch, order: Sequence[int]) -> Batch:
    """Some rows of a batch, in another order."""
    starts = torch.tensor([0, *batch.lengths]).cumsum(0).tolist()
    tokens = [torch.arange(starts[row], starts[row + 1]) for row in order]
    items = [torch.isin(batch.items, places).nonzero()[:, 0] for places in tokens]
    places = torch.cat(tokens)
    return Batch(
        batch.input_ids[places],
        batch.token_type_ids[places],
        tuple(batch.lengths[row] for row in order),
        torch.cat([batch.targets[i] for i in items]),
        torch.cat([_places(places, batch.items[i]) for i in items]),
        batch.rows[list(order)],
    )


def _places(tokens: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return (tokens[None, :] == wanted[:, None]).int().argmax(1)


TOKENIZERS = {"roberta": byte_level_tokenizer, "xlm_roberta": unigram_tokenizer, "albert": unigram_tokenizer}
"""Tokenizers of families that have no WordPiece."""


def backbone(
    folder: Path, family: str = "bert", *, layers: int = 4, hidden: int = 24, tokenizer: Tokenizer | None = None
) -> Path:
    """A directory with a random pre-trained encoder and its tokenizer, without a head."""
    tokenizer = tokenizer or TOKENIZERS.get(family, tiny_tokenizer)()
    torch.manual_seed(0)
    size = config(family, vocabulary=tokenizer.get_vocab_size(), layers=layers, hidden=hidden)
    if family == "mobilebert":  # nothing normalises what flows through it: with smaller weights it would fade
        size.initializer_range = 0.2
    transformers.AutoModel.from_config(size).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def masked_lm(folder: Path) -> Path:
    """A directory with a random masked language model and its tokenizer, which knows some Chinese too."""
    tokenizer = tiny_tokenizer("好电影片佳在北南方")
    torch.manual_seed(0)
    size = config("bert", vocabulary=tokenizer.get_vocab_size(), layers=2, hidden=16, heads=2)
    transformers.BertForMaskedLM(size).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def reviews(path: Path, rows: int = 160, *, seed: int = 0) -> Path:
    """A CSV whose label depends on two words: `good` or `bad`, and `not`."""
    draw = random.Random(seed)
    lines = ["text,label"]
    for _ in range(rows):
        good, negated = draw.random() < 0.5, draw.random() < 0.3
        filler = [draw.choice(["the", "a", "very", "film", "is", "in"]) for _ in range(draw.randrange(2, 9))]
        words = [*filler[:2], *(["not"] if negated else []), "good" if good else "bad", *filler[2:]]
        lines.append(f"{' '.join(words)},{'positive' if good != negated else 'negative'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def shuffled(path: Path, rows: int = 160, *, seed: int = 0) -> Path:
    """The reviews, each with the label of another one."""
    head, *lines = reviews(path, rows, seed=seed).read_text().splitlines()
    texts, labels = zip(*(line.split(",") for line in lines), strict=True)
    given = random.Random(seed).sample(labels, len(labels))
    path.write_text("\n".join([head, *map(",".join, zip(texts, given, strict=True))]) + "\n")
    return path


def entities(path: Path, sentences: int = 120, *, seed: int = 0) -> Path:
    """A CoNLL file in which `anna` is a person and `oslo` and `lima` are places."""
    draw = random.Random(seed)
    tags = {"anna": "B-PER", "oslo": "B-LOC", "lima": "B-LOC"}
    lines = []
    for _ in range(sentences):
        words = [
            draw.choice(["anna", "oslo", "lima", "the", "visited", "in", "a", "film"])
            for _ in range(draw.randrange(4, 10))
        ]
        lines += [f"{w} {tags.get(w, 'O')}" for w in ["anna", *words, "oslo"]] + [""]
    path.write_text("\n".join(lines) + "\n")
    return path


def similarities(path: Path, rows: int = 160, *, seed: int = 0) -> Path:
    """A CSV of pairs with a score: how many of three words of the first text the second one has, and some noise."""
    draw = random.Random(seed)
    lines = ["sentence1,sentence2,score"]
    for _ in range(rows):
        first = draw.sample(["good", "bad", "film", "anna", "oslo", "lima"], 3)
        second = [word if draw.random() < 0.6 else draw.choice(["the", "a", "very"]) for word in first]
        score = sum(a == b for a, b in zip(first, second, strict=True)) + draw.randrange(10) / 20
        lines.append(f"{' '.join(first)},{' '.join(second)},{score:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def places(path: Path, rows: int = 160, *, seed: int = 0) -> Path:
    """JSON lines in which each of `anna`, `oslo` and `lima` is a label of the texts that name it; some name none."""
    draw = random.Random(seed)
    lines = []
    for _ in range(rows):
        words = draw.choices(["anna", "oslo", "lima", "the", "visited", "in", "a"], k=draw.randrange(2, 6))
        labels = [word for word in ("lima", "oslo", "anna") if word in words]
        lines.append(json.dumps({"text": " ".join(words), "labels": labels}))
    path.write_text("\n".join(lines) + "\n")
    return path

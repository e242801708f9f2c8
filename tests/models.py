"""Small random networks for tests."""

from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification
from transformers import DistilBertConfig, DistilBertForSequenceClassification, DistilBertForTokenClassification

from limbeck.nn.model import Model, tapped
from limbeck.nn.types import Batch

VOCABULARY = 60
FAMILIES = ("bert", "distilbert")


def network(family: str = "bert", *, per_word: bool = False, layers: int = 4, hidden: int = 24, heads: int = 4, seed: int = 0) -> Any:
    """A random network of three labels."""
    torch.manual_seed(seed)
    if family == "bert":
        config = BertConfig(
            vocab_size=VOCABULARY, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
            intermediate_size=2 * hidden, max_position_embeddings=64, num_labels=3,
        )
        kind = BertForTokenClassification if per_word else BertForSequenceClassification
    else:
        config = DistilBertConfig(
            vocab_size=VOCABULARY, dim=hidden, n_layers=layers, n_heads=heads,
            hidden_dim=2 * hidden, max_position_embeddings=64, num_labels=3,
        )
        kind = DistilBertForTokenClassification if per_word else DistilBertForSequenceClassification
    made = kind(config)
    with torch.no_grad():  # larger weights than the initial ones, so that no two layers act alike
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    return made.eval()


def model(family: str = "bert", **options: Any) -> Model:
    """A tapped random network."""
    return tapped(network(family, **options), per_word=options.get("per_word", False))


def batch(lengths: tuple[int, ...] = (7, 4, 9), *, per_word: bool = False, extra: int = 0, seed: int = 1) -> Batch:
    """Random rows, padded to the longest and `extra` columns more; every second token is a word's first."""
    random = torch.Generator().manual_seed(seed)
    seq = max(lengths) + extra
    ids = torch.zeros(len(lengths), seq, dtype=torch.long)
    real = torch.zeros(len(lengths), seq, dtype=torch.bool)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(3, VOCABULARY, (length,), generator=random)
        real[row, :length] = True
    items = real & (torch.arange(seq) % 2 == 1) if per_word else None
    count = len(lengths) if items is None else int(items.sum())
    targets = torch.randint(0, 3, (count,), generator=random)
    return Batch(ids, real, torch.zeros_like(ids), targets, items, torch.arange(len(lengths)))

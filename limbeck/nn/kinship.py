"""A network of one family as one of another that computes the same."""

from typing import Any

import torch
import transformers

from limbeck.core.errors import RecipeError
from limbeck.nn.beginnings import MASKED_LM
from limbeck.nn.checkpoint import fresh
from limbeck.nn.model import Model, tapped

_LAYER = ("query", "key", "value", "attention_out", "attention_norm", "ffn_in", "ffn_out", "ffn_norm")


def check_bert(config: Any) -> None:
    """Refuse what can become no DistilBERT.

    Raises:
        RecipeError: It is no BERT.
    """
    if config.model_type != "bert":
        raise RecipeError(
            f"distil.family: only a BERT can become a DistilBERT (found {config.model_type}); leave it out"
        )


def as_distilbert(model: Model) -> Model:
    """A BERT as a DistilBERT: without token types and pooler (Sanh et al. 2019, arXiv:1910.01108, section 3).

    For texts of the first type both compute the same: its vector is added to each position's, and the others' are lost.

    Args:
        model: A masked language model, or an encoder with a fresh head of one.

    Raises:
        RecipeError: It is no BERT.
    """
    config = model.config
    check_bert(config)
    dims = model.dims
    wanted = transformers.DistilBertConfig(
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_position_embeddings,
        dim=dims.hidden,
        n_layers=dims.layers,
        n_heads=dims.heads,
        hidden_dim=dims.intermediate,
        dropout=config.hidden_dropout_prob,
        attention_dropout=config.attention_probs_dropout_prob,
        activation=config.hidden_act,
        initializer_range=config.initializer_range,
        pad_token_id=config.pad_token_id,
        tie_word_embeddings=config.tie_word_embeddings,
    )
    made = tapped(fresh(wanted, MASKED_LM), per_word=True)
    own, its = made.parts, model.parts
    assert own.vocabulary is not None
    assert its.vocabulary is not None
    pairs = [(own.tables[0], its.tables[0]), (own.embedding_norm, its.embedding_norm)]
    pairs += [
        (getattr(a, name), getattr(b, name)) for a, b in zip(own.layers, its.layers, strict=True) for name in _LAYER
    ]
    pairs += zip(own.vocabulary.modules(), its.vocabulary.modules(), strict=True)
    with torch.no_grad():
        for target, source in pairs:
            target.load_state_dict(source.state_dict())
        positions, types = (table.weight for table in its.tables[1:])
        own.tables[1].weight.copy_(positions + types[0])
    made.network.to(positions.device).train(model.network.training)
    return made

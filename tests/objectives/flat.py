"""Random outputs of the shapes that a network has, and their rows one by one, for slow implementations to loop over."""

from dataclasses import replace

import torch

from limbeck.nn.reduce import pooled
from limbeck.nn.types import Batch, Dims, Outputs
from tests import models

LENGTHS = (3, 3, 5, 2)
STUDENT = Dims(layers=2, hidden=8, heads=2, intermediate=16, labels=4)
TEACHER = Dims(layers=4, hidden=8, heads=2, intermediate=16, labels=4)


def batch(*, per_word: bool = False) -> Batch:
    """Rows of several lengths."""
    return models.batch(LENGTHS, per_word=per_word)


def outputs(dims: Dims, batch: Batch, seed: int) -> Outputs:
    """Everything that a network of that size could give out."""
    draw = torch.Generator().manual_seed(seed)
    tokens = len(batch.input_ids)

    def heads():
        size = (tokens, dims.heads, dims.hidden // dims.heads)
        return {layer: torch.randn(size, generator=draw) for layer in range(1, dims.layers + 1)}

    hidden = {layer: torch.randn(tokens, dims.hidden, generator=draw) for layer in range(dims.layers + 1)}
    logits = torch.randn(len(batch.items), dims.labels, generator=draw)
    vectors = {how: pooled(hidden[dims.layers], batch, how) for how in ("mean", "first")}
    return Outputs(logits, hidden, heads(), heads(), heads(), pooled=vectors)


def sized(layers: int) -> Dims:
    """As wide as the others."""
    return replace(STUDENT, layers=layers)


def zeros(dims: Dims, batch: Batch) -> Outputs:
    """Everything that a network of that size could give out, and 0 all of it."""
    made = outputs(dims, batch, 0)
    for kind in ("hidden", "queries", "keys", "values"):
        setattr(made, kind, {layer: torch.zeros_like(x) for layer, x in getattr(made, kind).items()})
    return made


def rows(values: torch.Tensor, batch: Batch) -> list[torch.Tensor]:
    """The part of each row."""
    return list(torch.split(values, batch.lengths))

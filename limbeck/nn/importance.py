"""Which features, heads and neurons of a model matter: how much the loss would change without them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from limbeck.nn.model import Model
from limbeck.nn.ports import Parts
from limbeck.nn.types import Batch


@dataclass(frozen=True)
class Importance:
    """What is worth keeping where a student is narrower: of each kind the parts whose value is largest.

    Attributes:
        hidden: One value per feature of the residual stream.
        heads: One row per layer, one value per head.
        scores: One row per layer, one value per feature in which queries meet keys, head after head.
        values: One row per layer, one value per feature of the values, likewise.
        neurons: One row per layer, one value per feed-forward neuron.
        pooled: One row per linear layer of the head below the classifier, one value per feature it gives.
    """

    hidden: Float[Tensor, " hidden"]
    heads: Float[Tensor, "layers heads"]
    scores: Float[Tensor, "layers attended"]
    values: Float[Tensor, "layers attended"]
    neurons: Float[Tensor, "layers intermediate"]
    pooled: Float[Tensor, "pools hidden"]

    def of_layers(self, layers: Sequence[int]) -> "Importance":
        """That of some layers, counted from 1, in their order."""
        rows = [number - 1 for number in layers]
        kinds = ("heads", "scores", "values", "neurons")
        return replace(self, **{kind: getattr(self, kind)[rows] for kind in kinds})


def by_place(model: Model) -> Importance:
    """What comes first matters most, as where parts have been sorted or were trained by prefixes of the features.

    DynaBERT (Hou et al. 2020, arXiv:2004.04037, 2.1), Matryoshka (Kusupati et al. 2022, arXiv:2205.13147).
    """
    return _filled(model, lambda count: torch.arange(count, 0, -1, dtype=torch.float))


def _filled(model: Model, row: Callable[[int], Tensor]) -> Importance:
    dims, pools = model.dims, len(model.parts.head)
    return Importance(
        hidden=row(dims.hidden),
        heads=row(dims.heads).repeat(dims.layers, 1),
        scores=row(dims.attended).repeat(dims.layers, 1),
        values=row(dims.attended).repeat(dims.layers, 1),
        neurons=row(dims.intermediate).repeat(dims.layers, 1),
        pooled=row(dims.hidden).repeat(pools, 1),
    )


def measure_importance(model: Model, batches: Iterable[Batch], loss: Callable[[Batch], Tensor]) -> Importance:
    """How much the loss would change if a part were masked: `Σ |∂L/∂mask|` over batches.

    Michel et al. 2019, arXiv:1905.10650, equation 1; DynaBERT orders heads and neurons by it, arXiv:2004.04037, 2.1. A
    mask on the inputs of a linear layer has the gradient `Σ_rows W ⊙ ∂L/∂W` by columns, so no mask is needed. Of a
    layer that is called several times, that is the mask which all its calls share, and it is counted once.

    Within a head, a feature is worth what both sides give it: the norm of its weights in the queries times that in the
    keys, or in the values and in the projection back.

    Args:
        model: The model to be cut; its gradients are cleared afterwards.
        batches: A few hundred examples suffice.
        loss: The loss of a batch under the model.
    """
    found, parts = _filled(model, torch.zeros), model.parts
    model.network.requires_grad_(True).eval()
    for batch in batches:
        model.network.zero_grad(set_to_none=True)
        loss(batch).backward()  # type: ignore[no-untyped-call]
        _add_gradients(found, parts)
    model.network.zero_grad(set_to_none=True)
    with torch.no_grad():
        for number, x in enumerate(parts.layers):
            found.scores[number] = x.query.weight.norm(dim=1) * x.key.weight.norm(dim=1)
            found.values[number] = x.value.weight.norm(dim=1) * x.attention_out.weight.norm(dim=0)
    return found


def _add_gradients(found: Importance, parts: Parts) -> None:
    readers = {id(x): x for layer in parts.layers for x in (layer.query, layer.key, layer.value, layer.ffn_in)}
    for reader in readers.values():
        found.hidden.add_(_by_column(reader).abs())
    for number, layer in enumerate(parts.layers):
        found.heads[number] += _by_column(layer.attention_out).view(found.heads.shape[1], -1).sum(1).abs()
        found.neurons[number] += _by_column(layer.ffn_out).abs()
    for number, above in enumerate([*parts.head, *parts.on_top()][1:]):
        if above.weight.grad is not None:  # the loss reads the relation of texts, if there is one
            found.pooled[number] += _by_column(above).abs()


def _by_column(linear: nn.Linear) -> Float[Tensor, " inputs"]:
    assert linear.weight.grad is not None
    return (linear.weight.detach() * linear.weight.grad).sum(0).cpu()

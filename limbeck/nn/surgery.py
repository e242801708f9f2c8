"""Students cut from their teachers: lower layers, and the heads, neurons and features that matter most."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from limbeck.nn.model import Model, tapped
from limbeck.nn.ports import LayerParts, Parts
from limbeck.nn.types import Batch, Dims


@dataclass(frozen=True)
class Importance:
    """How much the loss would change if a part were masked: `Σ |∂L/∂mask|` over batches.

    Michel et al. 2019, arXiv:1905.10650, equation 1; DynaBERT orders heads and neurons by it, arXiv:2004.04037, 2.1.

    Attributes:
        hidden: One value per feature of the residual stream.
        heads: One row per layer, one value per head.
        neurons: One row per layer, one value per feed-forward neuron.
    """

    hidden: Float[Tensor, " hidden"]
    heads: Float[Tensor, "layers heads"]
    neurons: Float[Tensor, "layers intermediate"]


def measure_importance(model: Model, batches: Iterable[Batch], loss: Callable[[Batch], Tensor]) -> Importance:
    """Importance of each part on some batches.

    A mask on the inputs of a linear layer has the gradient `Σ_rows W ⊙ ∂L/∂W` by columns, so no mask is needed. Of a
    layer that is called several times, that is the mask which all its calls share, and it is counted once.

    Args:
        model: The model to be cut; its gradients are cleared afterwards.
        batches: A few hundred examples suffice.
        loss: The loss of a batch under the model.
    """
    dims, parts = model.dims, model.parts
    hidden = torch.zeros(dims.hidden)
    heads = torch.zeros(dims.layers, dims.heads)
    neurons = torch.zeros(dims.layers, dims.intermediate)
    readers = {id(x): x for layer in parts.layers for x in (layer.query, layer.key, layer.value, layer.ffn_in)}
    model.network.requires_grad_(True).eval()
    for batch in batches:
        model.network.zero_grad(set_to_none=True)
        loss(batch).backward()  # type: ignore[no-untyped-call]
        for number, layer in enumerate(parts.layers):
            heads[number] += _by_column(layer.attention_out).view(dims.heads, -1).sum(1).abs().cpu()
            neurons[number] += _by_column(layer.ffn_out).abs().cpu()
        for reader in readers.values():
            hidden += _by_column(reader).abs().cpu()
    model.network.zero_grad(set_to_none=True)
    return Importance(hidden, heads, neurons)


def _by_column(linear: nn.Linear) -> Float[Tensor, " inputs"]:
    assert linear.weight.grad is not None
    return (linear.weight.detach() * linear.weight.grad).sum(0)


@dataclass(frozen=True)
class _Kept:
    """Indices kept of the teacher, for one layer."""

    hidden: Int[Tensor, " hidden"]
    scores: Int[Tensor, " hidden"]
    values: Int[Tensor, " hidden"]
    neurons: Int[Tensor, " intermediate"]


def cut(
    teacher: Model,
    dims: Dims,
    build: Callable[[object], nn.Module],
    layers: Sequence[int],
    importance: Importance | None,
) -> Model:
    """A student of the teacher's family whose weights are the teacher's, queries scaled where heads are smaller.

    Args:
        teacher: The model to cut from.
        dims: The student's size, nowhere larger than the teacher's.
        build: Makes a fresh network from a configuration.
        layers: For each student layer the teacher layer it is taken from, counted from 1.
        importance: What to keep where the student is narrower; None where only layers are dropped, which copies the
            others whole.

    Returns:
        The student, in training mode.

    Raises:
        RecipeError: The family has no student of that size.
    """
    config = teacher.backbone.build(teacher.backbone.Spec(), teacher.config, dims)
    student = tapped(build(config), per_word=teacher.per_word)
    with torch.no_grad():
        if importance is None:
            _copy_whole(student, teacher, layers)
        else:
            _copy_narrow(student, teacher, layers, importance)
    student.network.train()
    return student


def _copy_whole(student: Model, teacher: Model, layers: Sequence[int]) -> None:
    known = teacher.network.state_dict()
    student.network.load_state_dict({name: known[name] for name in student.network.state_dict()})
    for target, number in zip(student.parts.layers, layers, strict=True):
        target.layer.load_state_dict(teacher.parts.layers[number - 1].layer.state_dict())


def _copy_narrow(student: Model, teacher: Model, layers: Sequence[int], importance: Importance) -> None:
    dims, of = student.dims, teacher.dims
    hidden = _top(importance.hidden, dims.hidden)
    # Scores are divided by √head_dim; with smaller heads the same products must be divided by as much.
    shrink = math.sqrt(dims.hidden / dims.heads * of.heads / of.hidden)
    _copy_outer(student.parts, teacher.parts, hidden)
    for target, number in zip(student.parts.layers, layers, strict=True):
        source = teacher.parts.layers[number - 1]
        _copy_layer(target, source, _choose(source, number - 1, dims, of, hidden, importance))
        target.query.weight.mul_(shrink)
        target.query.bias.mul_(shrink)


def _top(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` largest scores, in ascending order of index so that features keep their places."""
    return scores.topk(count).indices.sort().values


def _choose(source: LayerParts, number: int, dims: Dims, of: Dims, hidden: Tensor, importance: Importance) -> _Kept:
    heads = _top(importance.heads[number], dims.heads)
    neurons = _top(importance.neurons[number], dims.intermediate)
    size = dims.hidden // dims.heads
    # Queries meet keys, values meet the output projection: a feature is worth what both sides give it.
    scores = source.query.weight.norm(dim=1) * source.key.weight.norm(dim=1)
    values = source.value.weight.norm(dim=1) * source.attention_out.weight.norm(dim=0)
    return _Kept(
        hidden,
        _features_of_heads(scores.view(of.heads, -1), heads, size),
        _features_of_heads(values.view(of.heads, -1), heads, size),
        neurons,
    )


def _features_of_heads(
    strength: Float[Tensor, "heads head_dim"], heads: Int[Tensor, " kept"], size: int
) -> Int[Tensor, " features"]:
    """The `size` strongest features of each kept head, as indices into the concatenated heads."""
    old_size = strength.shape[1]
    return torch.cat([head * old_size + _top(strength[head].cpu(), size) for head in heads.tolist()])


def _copy_outer(student: Parts, teacher: Parts, hidden: Tensor) -> None:
    embedded = hidden
    if student.projection is not None and teacher.projection is not None:
        embedded = torch.arange(teacher.projection.in_features)
        _copy_linear(student.projection, teacher.projection, hidden, embedded)
    for to, table in zip(student.tables, teacher.tables, strict=True):
        to.weight.copy_(table.weight[:, embedded])
    _copy_norm(student.embedding_norm, teacher.embedding_norm, embedded)
    for to_linear, linear in zip(student.head, teacher.head, strict=True):
        _copy_linear(to_linear, linear, hidden, hidden)
    if student.classifier is not None and teacher.classifier is not None:
        _copy_linear(student.classifier, teacher.classifier, torch.arange(teacher.classifier.out_features), hidden)


def _copy_layer(student: LayerParts, teacher: LayerParts, kept: _Kept) -> None:
    _copy_linear(student.query, teacher.query, kept.scores, kept.hidden)
    _copy_linear(student.key, teacher.key, kept.scores, kept.hidden)
    _copy_linear(student.value, teacher.value, kept.values, kept.hidden)
    _copy_linear(student.attention_out, teacher.attention_out, kept.hidden, kept.values)
    _copy_linear(student.ffn_in, teacher.ffn_in, kept.neurons, kept.hidden)
    _copy_linear(student.ffn_out, teacher.ffn_out, kept.hidden, kept.neurons)
    _copy_norm(student.attention_norm, teacher.attention_norm, kept.hidden)
    _copy_norm(student.ffn_norm, teacher.ffn_norm, kept.hidden)


def _copy_linear(to: nn.Linear, linear: nn.Linear, rows: Tensor, columns: Tensor) -> None:
    to.weight.copy_(linear.weight[rows][:, columns])
    to.bias.copy_(linear.bias[rows])


def _copy_norm(to: Any, norm: Any, features: Tensor) -> None:
    to.weight.copy_(norm.weight[features])
    to.bias.copy_(norm.bias[features])

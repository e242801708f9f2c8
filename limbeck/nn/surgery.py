"""Students cut from their teachers: first to fewer layers, copied whole, then to fewer heads, neurons and features."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from limbeck.nn.importance import Importance
from limbeck.nn.model import Model, tapped
from limbeck.nn.ports import LayerParts, Parts, VocabularyHead
from limbeck.nn.stream import Stream
from limbeck.nn.types import Dims

Build = Callable[[object], nn.Module]
"""Makes a fresh network from a configuration."""


def cut_depth(teacher: Model, layers: Sequence[int], build: Build) -> Model:
    """A student of some of its teacher's layers, copied whole.

    Args:
        teacher: The model to cut from.
        layers: For each student layer the teacher layer it is taken from, counted from 1.
        build: Makes a fresh network from a configuration.

    Returns:
        The student, in training mode.

    Raises:
        RecipeError: The family has no student of that depth.
    """
    student = _fresh(teacher, replace(teacher.dims, layers=len(layers)), build)
    known = teacher.network.state_dict()
    with torch.no_grad():
        student.network.load_state_dict({name: known[name] for name in student.network.state_dict()})
        for target, number in zip(student.parts.layers, layers, strict=True):
            target.layer.load_state_dict(teacher.parts.layers[number - 1].layer.state_dict())
    return student


def cut_width(teacher: Model, dims: Dims, build: Build, importance: Importance, stream: Stream) -> Model:
    """A student as deep as its teacher and narrower, queries scaled where heads are smaller.

    Args:
        teacher: The model to cut from.
        dims: The student's size, of as many layers, nowhere larger than the teacher's.
        build: Makes a fresh network from a configuration.
        importance: Which heads and neurons are kept: those of which it is largest.
        stream: What the features of the student's residual stream are.

    Returns:
        The student, in training mode.

    Raises:
        RecipeError: The family has no student of that size.
    """
    student = _fresh(teacher, dims, build)
    # Scores are divided by √head_dim; with smaller heads the same products must be divided by as much.
    shrink = math.sqrt(dims.hidden / dims.heads * teacher.dims.heads / teacher.dims.hidden)
    with torch.no_grad():
        _narrow_outer(student.parts, teacher.parts, stream, importance.pooled)
        for number, (target, source) in enumerate(zip(student.parts.layers, teacher.parts.layers, strict=True)):
            heads = top(importance.heads[number], dims.heads)
            scores, values = (
                _of_heads(kind[number].view(teacher.dims.heads, -1), heads, dims.hidden // dims.heads)
                for kind in (importance.scores, importance.values)
            )
            _narrow_attention(target, source, scores, values, stream)
            _narrow_ffn(target, source, top(importance.neurons[number], dims.intermediate), stream)
            target.query.weight.mul_(shrink)
            target.query.bias.mul_(shrink)
    return student


def _fresh(teacher: Model, dims: Dims, build: Build) -> Model:
    config = teacher.backbone.build(teacher.backbone.Spec(), teacher.config, dims)
    student = tapped(build(config), per_word=teacher.per_word)
    student.network.train()
    return student


def _narrow_outer(student: Parts, teacher: Parts, stream: Stream, pooled: Float[Tensor, "pools hidden"]) -> None:
    if student.projection is None or teacher.projection is None:
        for to, table in zip(student.tables, teacher.tables, strict=True):
            to.weight.copy_(stream.written(table.weight.T).T)
        _set(student.embedding_norm, stream.normed(teacher.embedding_norm))
    else:
        for part, of in zip(_embedded(student), _embedded(teacher), strict=True):
            part.load_state_dict(of.state_dict())
        _set(student.projection, _written(teacher.projection, stream))
    if student.vocabulary is not None and teacher.vocabulary is not None:
        _narrow_vocabulary(student.vocabulary, teacher.vocabulary, stream, whole=student.projection is None)
    columns = None
    for number, (to_linear, linear) in enumerate(zip(_top_down(student), _top_down(teacher), strict=True)):
        weight, bias = stream.read(linear) if columns is None else (linear.weight[:, columns], linear.bias)
        if number < len(pooled):
            columns = top(pooled[number], to_linear.out_features)
            weight, bias = weight[columns], bias[columns]
        _set(to_linear, (weight, bias))


def _narrow_vocabulary(student: VocabularyHead, teacher: VocabularyHead, stream: Stream, *, whole: bool) -> None:
    """Features meet the vectors of tokens: they become narrower as those do, where these are as wide as the stream."""
    weight, bias = stream.read(teacher.dense)
    if whole:
        _set(student.dense, (stream.written(weight), stream.written(bias)))
        _set(student.norm, stream.normed(teacher.norm))
        student.decoder.weight.copy_(stream.written(teacher.decoder.weight.T).T)
    else:
        _set(student.dense, (weight, bias))
        student.norm.load_state_dict(teacher.norm.state_dict())
        student.decoder.weight.copy_(teacher.decoder.weight)
    student.decoder.bias.copy_(teacher.decoder.bias)


def _embedded(parts: Parts) -> tuple[nn.Module, ...]:
    return *parts.tables, parts.embedding_norm


def _top_down(parts: Parts) -> list[nn.Linear]:
    """The linear layers after the last hidden state, each reading what the one before gives."""
    return [*parts.head, *parts.on_top()]


def _narrow_attention(student: LayerParts, teacher: LayerParts, scores: Tensor, values: Tensor, stream: Stream) -> None:
    for name, rows in (("query", scores), ("key", scores), ("value", values)):
        weight, bias = stream.read(getattr(teacher, name))
        _set(getattr(student, name), (weight[rows], bias[rows]))
    weight, bias = _written(teacher.attention_out, stream)
    _set(student.attention_out, (weight[:, values], bias))
    _set(student.attention_norm, stream.normed(teacher.attention_norm))


def _narrow_ffn(student: LayerParts, teacher: LayerParts, neurons: Tensor, stream: Stream) -> None:
    weight, bias = stream.read(teacher.ffn_in)
    _set(student.ffn_in, (weight[neurons], bias[neurons]))
    weight, bias = _written(teacher.ffn_out, stream)
    _set(student.ffn_out, (weight[:, neurons], bias))
    _set(student.ffn_norm, stream.normed(teacher.ffn_norm))


def _written(linear: nn.Linear, stream: Stream) -> tuple[Tensor, Tensor]:
    return stream.written(linear.weight), stream.written(linear.bias)


def _set(to: Any, values: tuple[Tensor, Tensor]) -> None:
    to.weight.copy_(values[0])
    to.bias.copy_(values[1])


def top(scores: Tensor, count: int) -> Int[Tensor, " count"]:
    """Indices of the `count` largest scores, in ascending order of index so that features keep their places."""
    return scores.topk(count).indices.sort().values


def _of_heads(strength: Float[Tensor, "heads head_dim"], heads: Tensor, size: int) -> Int[Tensor, " features"]:
    """The `size` strongest features of each kept head, as indices into the concatenated heads."""
    return torch.cat([head * strength.shape[1] + top(strength[head], size) for head in heads.tolist()])

"""Losses between maps of attention, `seq × seq` for each text and head, of which only a few are ever held.

A map is all products of left with right vectors over the root of the head's size: of queries with keys the attention
scores before the softmax, of values with themselves how they relate. Loss and gradient of some maps are found at once,
and of all that is kept the gradient of the vectors: memory does not grow with the square of the length, and the
backward pass costs next to nothing.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from limbeck.nn.gradients import with_gradients

Maps = Float[Tensor, "maps length length"]
Vectors = Float[Tensor, "rows length heads head_dim"]

_HELD = {"cpu": 1 << 19}
"""Elements of maps at once: measured, 1 << 17 to 1 << 20 take the same time, fewer more."""
_HELD_ELSEWHERE = 1 << 26


class Sides(NamedTuple):
    """Vectors of texts of one length: the student's, and the teacher's with as many heads, of any size."""

    left: Vectors
    right: Vectors
    of_left: Vectors
    of_right: Vectors


def divergence(groups: Iterable[Sides]) -> Float[Tensor, ""]:
    """`KL(softmax(teacher's map) ‖ softmax(student's map))`, natural logarithm, mean over the rows of all maps.

    >>> sure = torch.tensor([[[[200.0]], [[0.0]]]])  # two tokens, one head of one feature; its map is 40000, 0; 0, 0
    >>> even = torch.zeros(1, 2, 1, 1)
    >>> round(divergence([Sides(even, even, sure, sure)]).item(), 4)  # (ln 2 + 0) / 2
    0.3466
    """
    return _mean(groups, _divergence, per_row=True)


def mean_squares(groups: Iterable[Sides]) -> Float[Tensor, ""]:
    """Mean squared difference of the maps, over all their elements.

    >>> one, three = torch.ones(1, 1, 1, 4), torch.tensor([[[[1.0, 3.0, 0.0, 0.0]]]])
    >>> mean_squares([Sides(one, one, three, three)]).item()  # (4 / √4 - 10 / √4)²
    9.0
    """
    return _mean(groups, _squares, per_row=False)


Loss = Callable[[Maps, Maps], tuple[Tensor, Tensor]]
"""Of student's and teacher's maps, which it may write over: the sum of the loss, its gradient for the student's."""


def _divergence(student: Maps, teacher: Maps) -> tuple[Tensor, Tensor]:
    student, teacher = student.log_softmax(-1), teacher.log_softmax(-1)
    chances = teacher.exp()
    total = torch.dot(chances.flatten(), teacher.sub_(student).flatten())
    return total, student.exp_().sub_(chances)


def _squares(student: Maps, teacher: Maps) -> tuple[Tensor, Tensor]:
    difference = student.sub_(teacher).flatten()
    return torch.dot(difference, difference), student.mul_(2)


def _mean(groups: Iterable[Sides], loss: Loss, *, per_row: bool) -> Tensor:
    totals, count = [], 0
    for sides in groups:
        rows, length, heads, _ = sides.left.shape
        totals.append(_sum(sides, loss))
        count += rows * heads * length * (1 if per_row else length)
    return torch.stack(totals).sum() / max(count, 1)


def _by_head(vectors: Vectors) -> Float[Tensor, "maps length head_dim"]:
    return vectors.transpose(1, 2).flatten(0, 1).float()  # losses are taken in fp32


def _sum(sides: Sides, loss: Loss) -> Float[Tensor, ""]:
    """The sum of a loss over maps, a few at a time."""
    left, right, of_left, of_right = map(_by_head, sides)
    learns = torch.is_grad_enabled() and (left.requires_grad or right.requires_grad)
    total = left.new_zeros(())
    gradients = (torch.empty_like(left), torch.empty_like(right))
    with torch.no_grad(), torch.autocast(left.device.type, enabled=False):
        for some in _slices(left):
            value, gradient = loss(_products(left[some], right[some]), _products(of_left[some], of_right[some]))
            total += value
            if learns:
                gradient.mul_(1 / math.sqrt(left.shape[-1]))
                torch.bmm(gradient, right[some], out=gradients[0][some])
                torch.bmm(gradient.transpose(1, 2), left[some], out=gradients[1][some])
    return with_gradients(total, zip((left, right), gradients, strict=True)) if learns else total


def _slices(vectors: Tensor) -> Iterator[slice]:
    maps, length, _ = vectors.shape
    some = max(_HELD.get(vectors.device.type, _HELD_ELSEWHERE) // length**2, 1)
    yield from (slice(first, first + some) for first in range(0, maps, some))


def _products(left: Tensor, right: Tensor) -> Maps:
    return torch.bmm(left, right.transpose(1, 2)).div_(math.sqrt(left.shape[-1]))

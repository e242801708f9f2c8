"""Losses between maps of attention: the values and gradients of maps that are held whole, without holding them."""

import math

import pytest
import torch

from limbeck.nn.maps import Sides, divergence, mean_squares

GROUPS = ((3, 1), (2, 7), (50, 64))
"""Rows and length; of the last, whose heads make 200 maps, not all are made at once."""


def drawn(size, dtype=torch.float32):
    return [torch.randn(rows, length, 4, size, dtype=dtype) for rows, length in GROUPS]


def whole_maps(left, right):
    left, right = left.float().transpose(1, 2), right.float().transpose(1, 2)
    return left @ right.transpose(2, 3) / math.sqrt(left.shape[-1])


def whole_divergence(groups):
    found = []
    for sides in groups:
        student, teacher = whole_maps(*sides[:2]), whole_maps(*sides[2:])
        both = (student.log_softmax(-1), teacher.log_softmax(-1))
        found.append(torch.nn.functional.kl_div(*both, reduction="none", log_target=True).sum(-1).flatten())
    return torch.cat(found).mean()


def whole_squares(groups):
    return torch.cat([(whole_maps(*s[:2]) - whole_maps(*s[2:])).square().flatten() for s in groups]).mean()


LOSSES = [(divergence, whole_divergence), (mean_squares, whole_squares)]


def learnt(loss, groups):
    """The loss, and the gradients of the student's vectors."""
    for sides in groups:
        for vectors in sides[:2]:
            vectors.grad = None
            vectors.requires_grad_()
    value = 3 * loss(groups)
    value.backward()
    return value.detach(), [vectors.grad for sides in groups for vectors in sides[:2]]


@pytest.mark.parametrize(("loss", "whole"), LOSSES)
def test_value_and_gradients_are_those_of_whole_maps(loss, whole):
    groups = [Sides(*sides) for sides in zip(drawn(5), drawn(5), drawn(8), drawn(8), strict=True)]
    (value, gradients), (expected, theirs) = learnt(loss, groups), learnt(whole, groups)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    for gradient, wanted in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("loss", "whole"), LOSSES)
def test_products_of_vectors_with_themselves_get_both_gradients(loss, whole):
    groups = [Sides(own, own, of, of) for own, of in zip(drawn(5), drawn(8), strict=True)]
    for gradient, wanted in zip(learnt(loss, groups)[1], learnt(whole, groups)[1], strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("loss", "whole"), LOSSES)
@pytest.mark.parametrize("autocast", [True, False])
def test_half_precision_comes_near(loss, whole, autocast):
    both = zip(drawn(8, torch.bfloat16), drawn(8, torch.bfloat16), strict=True)
    groups = [Sides(own, own, of, of) for own, of in both]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = loss(groups)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, whole(groups), rtol=0.01, atol=0.0)


@pytest.mark.parametrize("loss", [divergence, mean_squares])
def test_no_map_is_kept(loss):
    vectors = torch.randn(2, 100, 4, 5, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda x: x):
        loss([Sides(vectors, vectors, vectors.detach(), vectors.detach())])
    assert max(kept) == vectors.numel()


@pytest.mark.parametrize("loss", [divergence, mean_squares])
def test_equal_maps_cost_nothing(loss):
    vectors = torch.randn(2, 3, 4, 5, requires_grad=True)
    value = loss([Sides(vectors, vectors, vectors.detach(), vectors.detach())])
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert vectors.grad.abs().max().item() < 1e-6

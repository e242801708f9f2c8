"""Attention by plain products and by the fused kernel is the same attention."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from limbeck.nn.attention import attend


def heads(length, rows=3):
    torch.manual_seed(length)
    return [torch.randn(rows, length, 2, 8).transpose(1, 2).requires_grad_() for _ in range(3)]


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("length", [1, 15, 16, 31, 48, 49])
def test_outputs_and_gradients_are_those_of_the_fused_kernel(length, scale):
    inputs = heads(length)
    found, wanted = attend(*inputs, scale=scale), scaled_dot_product_attention(*inputs, scale=scale)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    wished = torch.randn(found.shape)
    pairs = zip(*(torch.autograd.grad(made, inputs, wished) for made in (found, wanted)), strict=True)
    for own, fused in pairs:
        torch.testing.assert_close(own, fused, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("length", [8, 32])
def test_half_precision_is_widened_and_given_back(length):
    query, key, value = (x.detach().bfloat16().requires_grad_() for x in heads(length))
    with torch.autocast("cpu", torch.bfloat16):
        found = attend(query, key, value)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, attend(query.float(), key.float(), value.float()).bfloat16())


@pytest.mark.parametrize("length", [8, 32])
def test_dropout_leaves_out_tokens_and_keeps_the_mean(length):
    query, key, _ = heads(length, rows=64)
    value = torch.ones_like(key)
    found = attend(query, key, value, dropout_p=0.25)
    assert found.std() > 0.05, "some tokens are left out"
    assert found.mean().item() == pytest.approx(1, abs=0.02), "the others count more"
    assert torch.equal(attend(query, key, value, dropout_p=0.0), attend(query, key, value))

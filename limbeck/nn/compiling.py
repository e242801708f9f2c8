"""Layers compiled by `torch.compile`, their attention left as it is.

Sizes change with every batch, and the attention of a packed batch runs once for each length in it: a network compiled
whole would be compiled anew for every batch. So a layer is compiled up to its attention and from there on, with sizes
left open; layers of one kind share what was compiled. No module is wrapped: parameters keep their names.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from limbeck.nn.model import Model


@contextmanager
def compiled(model: Model) -> Iterator[None]:
    """Inside the block, runs of the model that keep gradients go through compiled layers; scoring does not."""
    layers = {id(part.layer): part.layer for part in model.parts.layers}.values()
    for layer in layers:
        layer.forward = _while_learning(torch.compile(layer.forward, dynamic=True), layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own is seen again


def _while_learning(compiled: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """One of two, by whether gradients are kept: to compile for a few passes over dev as well would not pay."""

    @functools.wraps(plain)
    def forward(*args: Any, **options: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else plain)(*args, **options)

    return forward


@functools.cache
def fault(device: torch.device) -> str:
    """Why `torch.compile` does not work for a device, and what to do; empty if it does. Takes some seconds."""
    try:
        torch.compile(_sample, dynamic=True)(torch.ones(2, 3, device=device))
    except Exception as error:  # whatever the compilers raise
        needs = "a C++ compiler (g++, or the one that CXX names) and Python's headers"
        return (
            f"torch.compile does not work here: {str(error).strip().splitlines()[0]}. On {device.type} it needs "
            f"{needs if device.type == 'cpu' else 'Triton'}: install that, or set compile to false"
        )
    return ""


def _sample(values: Tensor) -> Tensor:
    return nn.functional.gelu(values).sum()

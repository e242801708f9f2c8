"""Taps: hidden states, queries, keys and values of stock models, taken where they flow.

By hooks and one attention function: no output flags, no eager attention, no dropout in what is taken. Layers are
counted as they are called, so that a layer called twice (ALBERT's) is two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from limbeck.nn.layout import Layout
from limbeck.nn.ports import Parts
from limbeck.nn.types import HEADS, Outputs, Reads

ATTENTION = "limbeck_tap"
"""The name under which the attention function is known to `transformers`."""


@dataclass
class Recording:
    """One run of a tapped network.

    Attributes:
        reads: What is wanted.
        layout: How the batch lies.
        layers: Layers of the network; after the last one comes the head.
        per_word: What the head answers for.
        outputs: What was taken so far, flat.
        attended: Attention calls so far.
        passed: Layers passed so far.
        picked: Whether the last layer already works on the items' tokens alone.
    """

    reads: Reads
    layout: Layout
    layers: int
    per_word: bool
    outputs: Outputs = field(default_factory=Outputs)
    attended: int = 0
    passed: int = 0
    picked: bool = False

    def take_hidden(self, number: int, hidden: Tensor) -> None:
        """Keep hidden states that are wanted."""
        if number in self.reads.hidden:
            self.outputs.hidden[number] = self.layout.flat(hidden)

    def take_heads(self, number: int, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Keep queries, keys and values that are wanted."""
        for kind, heads in zip(HEADS, (query, key, value), strict=True):
            if number in getattr(self.reads, kind):
                getattr(self.outputs, kind)[number] = self.layout.flat(heads.transpose(1, 2))


_current: ContextVar[Recording | None] = ContextVar("limbeck_recording", default=None)


@contextmanager
def recording(run: Recording) -> Iterator[Outputs]:
    """Collect what a run reads from the tapped network that is called inside the block."""
    token = _current.set(run)
    try:
        yield run.outputs
    finally:
        _current.reset(token)


def install(network: nn.Module, parts: Parts) -> None:
    """Make a network tappable: switch its attention function and hook its embeddings and layers."""
    network.set_attn_implementation(ATTENTION)  # type: ignore[operator]
    parts.embeddings.register_forward_hook(_embedded)
    for layer in {id(part.layer): part.layer for part in parts.layers}.values():
        layer.register_forward_hook(_passed)
    if (join := parts.layers[-1].attention_join) is not None:
        join.register_forward_pre_hook(_joining)


def _embedded(module: nn.Module, inputs: Any, output: Any) -> None:
    if (run := _current.get()) is not None:
        run.take_hidden(0, output)


def _passed(module: nn.Module, inputs: Any, output: Any) -> Any:
    if (run := _current.get()) is None:
        return None
    hidden = output[0] if isinstance(output, tuple) else output
    run.passed += 1
    run.take_hidden(run.passed, hidden)
    if run.passed < run.layers or run.picked:
        return None
    last = run.layout.for_head(hidden, per_word=run.per_word)
    return (last, *output[1:]) if isinstance(output, tuple) else last


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _joining(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """Beyond the last attention, tokens that nobody reads are not computed: of short texts, most of a layer."""
    if (run := _current.get()) is None or run.layers in run.reads.hidden:
        return None
    run.picked = True
    return tuple(run.layout.for_head(x, per_word=run.per_word) for x in inputs)


# Its groups of lengths are others for each batch.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    if (run := _current.get()) is None:
        result: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
        return result
    run.attended += 1
    run.take_heads(run.attended, query, key, value)
    return run.layout.attend(query, key, value, dropout_p=dropout, scale=scaling), None


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)

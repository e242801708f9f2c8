"""Taps: hidden states, queries, keys and values of stock models, taken where they flow.

By hooks and one attention function: no output flags, no eager attention, no dropout in what is taken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from limbeck.nn.ports import Parts
from limbeck.nn.types import Outputs, Reads

ATTENTION = "limbeck_tap"
"""The name under which the attention function is known to `transformers`."""


class _Recorder:
    def __init__(self, reads: Reads) -> None:
        self.reads = reads
        self.outputs = Outputs()


_recorder: ContextVar[_Recorder | None] = ContextVar("limbeck_recorder", default=None)


@contextmanager
def recording(reads: Reads) -> Iterator[Outputs]:
    """Collect what `reads` names from the tapped model that runs inside the block."""
    recorder = _Recorder(reads)
    token = _recorder.set(recorder)
    try:
        yield recorder.outputs
    finally:
        _recorder.reset(token)


def install(network: nn.Module, parts: Parts) -> None:
    """Make a network tappable: switch its attention function and hook its layers. Numbers layers from 1."""
    network.set_attn_implementation(ATTENTION)  # type: ignore[operator]
    parts.embeddings.register_forward_hook(_hidden_hook(0))
    for number, part in enumerate(parts.layers, start=1):
        part.layer.register_forward_hook(_hidden_hook(number))
        part.attention.limbeck_layer = number  # type: ignore[assignment]


def _hidden_hook(number: int) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        recorder = _recorder.get()
        if recorder is not None and number in recorder.reads.hidden:
            recorder.outputs.hidden[number] = output[0] if isinstance(output, tuple) else output

    return hook


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    recorder = _recorder.get()
    number = getattr(module, "limbeck_layer", None)
    if recorder is not None and number in recorder.reads.attention:
        recorder.outputs.queries[number] = query
        recorder.outputs.keys[number] = key
        recorder.outputs.values[number] = value
    result: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    return result


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)

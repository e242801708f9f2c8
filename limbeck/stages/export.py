"""Export a PyTorch model to ONNX, and prove that both answer alike.

The gate: over at least 12 shapes of input the logits differ by no more than the tolerance, or nothing is written.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.core.bundle import Bundle, create_bundle, instruction_sets, open_bundle
from limbeck.core.errors import GateError
from limbeck.core.journal import Journal
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.checkpoint import check_weights, load_network
from limbeck.nn.model import backbone_of, longest_input, reads_token_types
from limbeck.nn.tokenizers import save_tokenizer
from limbeck.text.opening import open_task

SHAPES = (
    (1, 2),
    (1, 3),
    (1, 8),
    (1, 17),
    (1, 64),
    (2, 2),
    (2, 31),
    (3, 12),
    (4, 5),
    (7, 40),
    (8, 16),
    (16, 9),
    (1, 0),
    (5, 0),
)
"""Batch and length of the inputs compared; length 0 stands for the longest that the model takes."""
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Spec(CoreSpec):
    """Export."""

    opset: int = Field(20, ge=18, le=23)
    """Version of the ONNX operators; 20 is the first with Gelu."""
    tolerance: float = Field(1e-4, gt=0.0)
    """Largest difference of any logit between PyTorch and onnxruntime, both in fp32."""


class _Logits(nn.Module):
    """Gives the logits alone, from positional inputs; positions are counted as in training, whatever the padding."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self._names = names
        self._first = backbone_of(network.config).first_position(network.config)

    def forward(self, *inputs: Tensor) -> Tensor:
        positions = torch.arange(inputs[0].shape[1], device=inputs[0].device) + self._first
        named = dict(zip(self._names, inputs, strict=True))
        logits: Tensor = self.network(**named, position_ids=positions[None]).logits
        return logits


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the fp32 ONNX Bundle.

    Args:
        spec: How.
        inputs: `model`, a PyTorch Bundle.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        GateError: The two models disagree.
    """
    source = inputs["model"]
    check_weights(source)
    network: Any = load_network(source.path, open_task(source).head)
    # Written out, attention is a shorter graph than the scaled-dot-product operator decomposed, and a faster one.
    network.set_attn_implementation("eager")
    names = _INPUTS if reads_token_types(network.config) else _INPUTS[:2]
    reference = _Logits(network, names).eval()
    limit = min(int(source.facts["max_length"]), longest_input(network.config))
    answers = _answers(reference, names, limit)
    with create_bundle(out, "export", spec, inputs) as draft:
        _export(reference, names, limit, draft.path / "model.onnx", spec.opset)
        _settle(draft.path / "model.onnx")
        difference = _largest_difference(answers, names, draft.path / "model.onnx")
        if not difference <= spec.tolerance:
            raise GateError(
                f"export: logits of PyTorch and onnxruntime differ by {difference:.2g}, {spec.tolerance:g} is allowed; "
                "nothing was written"
            )
        network.config.save_pretrained(draft.path)
        save_tokenizer(source.path, draft.path)
        kept = ("name", "task", "labels", "max_length", "dims")
        draft.facts |= {name: source.facts[name] for name in kept} | {
            "precision": "fp32",
            "instruction_sets": instruction_sets(),
            "warnings": [*source.facts.get("warnings", ()), *log.warnings],
            "parity": {"max_difference": difference, "tolerance": spec.tolerance, "shapes": len(SHAPES)},
        }
        size = (draft.path / "model.onnx").stat().st_size
    log.say(f"exported {size / 1e6:.1f} MB; logits differ by at most {difference:.1e} over {len(SHAPES)} shapes")
    return open_bundle(out)


def _export(reference: nn.Module, names: tuple[str, ...], limit: int, path: Path, opset: int) -> None:
    import logging
    import warnings

    batch, length = torch.export.Dim("batch", min=1, max=65536), torch.export.Dim("sequence", min=2, max=limit)
    sample = tuple(_sample(name, 2, min(16, limit), vocabulary=100) for name in names)
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns of torchvision's absence
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter, none of the user's making
            torch.onnx.export(
                reference,
                sample,
                str(path),
                input_names=list(names),
                output_names=["logits"],
                dynamo=True,
                opset_version=opset,
                dynamic_shapes=(({0: batch, 1: length},) * len(names),),
                external_data=False,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)


def _settle(path: Path) -> None:
    """Drop what the exporter notes of every node's origin: a quarter of a megabyte, and paths of this machine.

    What it leaves to be computed in every run is computed, and what it writes twice is written once.
    """
    import onnx

    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del model.graph.value_info[:]
    _transpose(model.graph)
    _share(model.graph)
    onnx.save(model, path)


def _transpose(graph: Any) -> None:
    """Transpose weights now: the exporter leaves large ones of a layer that is called twice (ALBERT's) to every run."""
    from onnx import numpy_helper

    weights = {t.name: t for t in graph.initializer}
    turned = [n for n in graph.node if n.op_type == "Transpose" and n.input[0] in weights]
    for node in turned:
        order = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
        array = np.ascontiguousarray(numpy_helper.to_array(weights[node.input[0]]).transpose(order))
        graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
        graph.node.remove(node)


def _share(graph: Any) -> None:
    """Make equal weights one, as small ones are written for each call of their layer, and drop those without a use."""
    firsts: dict[tuple[Any, ...], str] = {}
    names = {
        t.name: firsts.setdefault((t.data_type, *t.dims, hashlib.sha256(t.raw_data).digest()), t.name)
        for t in graph.initializer
        if t.raw_data
    }
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    used = {name for node in graph.node for name in node.input}
    kept = [t for t in graph.initializer if t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _sample(name: str, batch: int, length: int, vocabulary: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    if name == "input_ids":
        return torch.randint(1, vocabulary, (batch, length), generator=random)
    if name == "token_type_ids":
        return (torch.arange(length) >= length // 2).long().expand(batch, length).contiguous()
    # Every row but the first has padding of its own length.
    real = length - torch.arange(batch) * max(length // 2, 1) // max(batch, 1)
    return (torch.arange(length)[None, :] < real.clamp(min=1)[:, None]).long()


def _answers(reference: Any, names: tuple[str, ...], limit: int) -> list[tuple[tuple[Tensor, ...], Tensor]]:
    """Inputs of every shape, and the PyTorch model's logits, which have to be the same again."""
    vocabulary = reference.network.config.vocab_size
    found = []
    for seed, (batch, length) in enumerate(SHAPES):
        inputs = tuple(_sample(n, batch, min(length or limit, limit), vocabulary, seed) for n in names)
        with torch.no_grad():
            expected, again = reference(*inputs), reference(*inputs)
        if not torch.equal(expected, again):
            raise GateError("export: the PyTorch model answers the same input differently twice; is dropout on?")
        found.append((inputs, expected))
    return found


def _largest_difference(
    answers: Sequence[tuple[tuple[Tensor, ...], Tensor]], names: tuple[str, ...], path: Path
) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for inputs, expected in answers:
        found = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})[0]
        real = inputs[1].bool().numpy() if expected.ndim == 3 else ...
        worst = max(worst, float(np.abs(found - expected.numpy())[real].max()))
    return worst

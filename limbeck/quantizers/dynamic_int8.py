"""Dynamic int8: signed int8 weights, activations quantised as they come (Jacob et al. 2017, arXiv:1712.05877).

Reads an fp32 ONNX file; needs no data. Every MatMul and Gemm with a constant side is done in integers, with a scale
for each output channel, by onnxruntime's quantiser. Embedding tables, most of a small model, are stored in int8 with a
scale for each row, which that quantiser cannot do: it has one unsigned scale for a whole table. A quarter of the size.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.core.spec import Spec as CoreSpec

_LARGEST = 127
_PRODUCTS = ("MatMul", "Gemm")


class Spec(CoreSpec):
    """Dynamic int8."""

    per_channel: bool = True
    """A scale for each output channel of a weight instead of one for the whole; costs next to nothing."""
    embeddings: bool = True
    """Whether embedding tables are stored in int8 too; in small models they are most of the size."""


def quantize_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 with a scale for each row.

    Args:
        table: `[rows, features]`, fp32.

    Returns:
        `[rows, features]` int8 and `[rows, 1]` fp32 scales, so that their product is near `table`: off by no more than
        half a scale.

    >>> values, scales = quantize_rows(np.array([[0.0, 127.0], [-0.5, 0.25]], dtype=np.float32))
    >>> values.tolist(), (values * scales).round(2).tolist()
    ([[0, 127], [-127, 64]], [[0.0, 127.0], [-0.5, 0.25]])
    """
    scales = np.abs(table).max(axis=1, keepdims=True) / _LARGEST
    scales = np.where(scales == 0, 1, scales).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales


def operators(source: Path) -> list[str]:
    """Names of the products that are quantised, in the order of the graph: those with one constant side."""
    import onnx

    graph = onnx.load(source).graph
    constants = {t.name for t in graph.initializer}
    return [n.name for n in graph.node if n.op_type in _PRODUCTS and n.input[1] in constants]


def quantize(source: Path, target: Path, spec: Spec, keep: Collection[str] = ()) -> None:
    """Write an int8 copy of an ONNX file, with the operators named in `keep` left in fp32."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(source)
    # Shapes that the exporter inferred contradict the quantised graph and make the quantiser fail.
    del model.graph.value_info[:]
    if spec.embeddings:
        _quantize_tables(model.graph)
    with _quiet():
        quantize_dynamic(
            model,
            target,
            weight_type=QuantType.QInt8,
            per_channel=spec.per_channel,
            op_types_to_quantize=list(_PRODUCTS),
            nodes_to_exclude=list(keep),
            extra_options={"MatMulConstBOnly": True},
        )


def _quantize_tables(graph: Any) -> None:
    """Turn each lookup in a constant float matrix into a lookup of int8 rows and of their scales, multiplied."""
    from onnx import TensorProto, helper, numpy_helper

    matrices = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}
    lookups = [n for n in graph.node if n.op_type == "Gather" and n.input[0] in matrices and not _axis(n)]
    for name in dict.fromkeys(n.input[0] for n in lookups):
        values, scales = quantize_rows(numpy_helper.to_array(matrices[name]))
        graph.initializer.append(numpy_helper.from_array(values, f"{name}_rows_int8"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}_rows_scale"))
    nodes = []
    for node in graph.node:
        if node not in lookups:
            nodes.append(node)
            continue
        name, ids, result = node.input[0], node.input[1], node.output[0]
        nodes += [
            helper.make_node("Gather", [f"{name}_rows_int8", ids], [f"{result}_row_int8"]),
            helper.make_node("Cast", [f"{result}_row_int8"], [f"{result}_row"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [f"{name}_rows_scale", ids], [f"{result}_row_scale"]),
            helper.make_node("Mul", [f"{result}_row", f"{result}_row_scale"], [result]),
        ]
    used = {name for node in nodes for name in node.input}
    kept = [t for t in graph.initializer if t.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)


def _axis(node: Any) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "axis"), 0)


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser recommends, to the root logger, a preprocessing that the exporter has done already."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True)
class DynamicInt8:
    """The algorithm with its fields."""

    spec: Spec

    def operators(self, source: Path) -> list[str]:
        """Names of what may be left in fp32."""
        return operators(source)

    def write(self, source: Path, target: Path, keep: Collection[str] = ()) -> None:
        """Write an int8 copy, with the operators named in `keep` left in fp32."""
        quantize(source, target, self.spec, keep)


def build(spec: Spec) -> DynamicInt8:
    """The quantizer."""
    return DynamicInt8(spec)

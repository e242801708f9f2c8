"""Dynamic int8: weights stored as signed int8, activations quantised as they come (Jacob et al. 2017, arXiv:1712.05877).

Reads an fp32 ONNX file; needs no data. Every MatMul and Gemm with a constant side is done in integers, with a scale for
each output channel; embedding tables are stored in int8. About a quarter of the size. Uses onnxruntime's quantiser.
"""

from collections.abc import Callable
from pathlib import Path

from limbeck.core.spec import Spec as CoreSpec


class Spec(CoreSpec):
    """Dynamic int8."""

    per_channel: bool = True
    """A scale for each output channel of a weight instead of one for the whole; costs next to nothing."""
    embeddings: bool = True
    """Whether embedding tables are stored in int8 too; in small models they are most of the size."""


def quantize(source: Path, target: Path, spec: Spec) -> None:
    """Write an int8 copy of an ONNX file."""
    import logging

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(source)
    # Shapes that the exporter inferred contradict the quantised graph and make the quantiser fail.
    del model.graph.value_info[:]
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # it recommends a preprocessing that the exporter has done already
    try:
        quantize_dynamic(
            model,
            target,
            weight_type=QuantType.QInt8,
            per_channel=spec.per_channel,
            op_types_to_quantize=["MatMul", "Gemm", *(["Gather"] if spec.embeddings else [])],
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        logger.setLevel(level)


def build(spec: Spec) -> Callable[[Path, Path], None]:
    """A function that writes an int8 copy of an ONNX file."""
    return lambda source, target: quantize(source, target, spec)

"""What every quantizer must offer: a smaller file that answers nearly alike, and operators that can be left alone."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from limbeck.core.shelf import shelf
from limbeck.text.port import Quantizer

NAMES = shelf("quantizers").names()


@pytest.fixture
def source(tmp_path):
    """A lookup in a table and two products."""
    draw = np.random.default_rng(0)
    constants = {
        "table": draw.normal(size=(50, 64)),
        "first": draw.normal(size=(64, 96)),
        "second": draw.normal(size=(96, 8)),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "lookup"),
        helper.make_node("MatMul", ["rows", "first"], ["wide"], "first_product"),
        helper.make_node("Relu", ["wide"], ["positive"], "relu"),
        helper.make_node("MatMul", ["positive", "second"], ["logits"], "second_product"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", 8])],
        [numpy_helper.from_array(a.astype(np.float32) / 8, name) for name, a in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def answers(path) -> np.ndarray:
    return onnxruntime.InferenceSession(path).run(None, {"ids": np.arange(50)[None]})[0]


@pytest.mark.parametrize("name", NAMES)
def test_is_smaller_and_answers_nearly_alike(name, source, tmp_path):
    quantizer = shelf("quantizers").build(shelf("quantizers").spec(name)())
    assert isinstance(quantizer, Quantizer)
    quantizer.write(source, tmp_path / "q.onnx")
    assert (tmp_path / "q.onnx").stat().st_size < 0.5 * source.stat().st_size
    before, after = answers(source), answers(tmp_path / "q.onnx")
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("name", NAMES)
def test_operators_left_alone_are_as_they_were(name, source, tmp_path):
    quantizer = shelf("quantizers").build(shelf("quantizers").spec(name)())
    assert quantizer.operators(source) == ["first_product", "second_product"]
    quantizer.write(source, tmp_path / "q.onnx", keep=["second_product"])
    kept = {n.name for n in onnx.load(tmp_path / "q.onnx").graph.node if n.op_type == "MatMul"}
    assert kept == {"second_product"}


@pytest.mark.parametrize("name", NAMES)
def test_is_deterministic(name, source, tmp_path):
    quantizer = shelf("quantizers").build(shelf("quantizers").spec(name)())
    for n in ("a", "b"):
        quantizer.write(source, tmp_path / n)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

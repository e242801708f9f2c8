"""ONNX models that answer as their parents."""

import numpy as np
import onnx
import pytest
import torch

from limbeck.core.errors import BundleError, GateError
from limbeck.engine.score import open_scorer
from limbeck.stages.export import SHAPES
from limbeck.text.examples import read_examples
from tests.stages.conftest import made


@pytest.fixture(scope="module")
def exported(folder, teacher):
    return made("export", folder / "onnx", {"model": teacher})


@pytest.fixture(scope="module")
def exported_tagger(folder, tagger):
    return made("export", folder / "tagger-onnx", {"model": tagger})


def test_answers_as_the_pytorch_model(teacher, exported, data):
    examples = read_examples(data, "test")
    pairs = zip(open_scorer(teacher).logits(examples), open_scorer(exported).logits(examples), strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 1e-5


def test_tagger_without_token_types(tagger, exported_tagger, tags):
    graph = onnx.load(exported_tagger.file("model.onnx")).graph
    assert [x.name for x in graph.input] == ["input_ids", "attention_mask"]
    examples = read_examples(tags, "test")
    pairs = zip(open_scorer(tagger).logits(examples), open_scorer(exported_tagger).logits(examples), strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 1e-5


def test_nothing_of_the_machine_is_in_the_file(exported):
    assert b".py" not in exported.file("model.onnx").read_bytes()


def test_gate_is_recorded(exported):
    parity = exported.facts["parity"]
    assert parity["shapes"] == len(SHAPES) >= 12
    assert 0 <= parity["max_difference"] <= parity["tolerance"]


def test_gate_that_is_failed_writes_nothing(teacher, tmp_path):
    with pytest.raises(GateError, match="nothing was written"):
        made("export", tmp_path / "onnx", {"model": teacher}, tolerance=1e-12)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_answers_differently_twice_is_refused(teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "eval", lambda self: self.train())
    with pytest.raises(GateError, match="answers the same input differently twice"):
        made("export", tmp_path / "onnx", {"model": teacher}, tolerance=1e9)
    assert list(tmp_path.iterdir()) == []


def test_onnx_cannot_be_exported_again(exported, tmp_path):
    with pytest.raises(BundleError, match=r"model\.onnx"):
        made("export", tmp_path / "again", {"model": exported})


def test_int8_is_smaller_gated_and_signed(exported, data, tmp_path):
    int8 = made("quantize", tmp_path / "int8", {"model": exported, "data": data})
    gate = int8.facts["gate"]
    assert gate["passed"]
    assert gate["agreement"] >= 0.98
    assert int8.facts["precision"] == "int8"
    model = onnx.load(int8.file("model.onnx"))
    kinds = {t.data_type for t in model.graph.initializer if t.name.endswith("_quantized")}
    assert kinds == {onnx.TensorProto.INT8}
    assert not [
        t
        for t in model.graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) == 2 and t.dims[1] > 1
    ]
    assert "MatMulInteger" in {n.op_type for n in model.graph.node}
    assert int8.file("model.onnx").stat().st_size < exported.file("model.onnx").stat().st_size


STRICT = {"max_drop": 0.0, "min_agreement": 1.0}


@pytest.fixture
def coarse(monkeypatch):
    """A quantizer whose first product is so coarse that answers change."""
    import limbeck.quantizers.dynamic_int8 as algorithm

    quantize = algorithm.quantize

    def spoiled(source, target, spec, keep=()):
        quantize(source, target, spec, keep)
        if algorithm.operators(source)[0] not in keep:
            model = onnx.load(target)
            for tensor in model.graph.initializer:
                if tensor.name.endswith("embeddings.weight_rows_int8"):
                    tensor.raw_data = bytes(len(tensor.raw_data))
            onnx.save(model, target)

    monkeypatch.setattr(algorithm, "quantize", spoiled)


def test_int8_gate_puts_back_what_harms_most(coarse, exported, data, tmp_path):
    int8 = made("quantize", tmp_path / "int8", {"model": exported, "data": data}, **STRICT)
    assert int8.facts["gate"]["passed"]
    assert len(int8.facts["gate"]["kept_fp32"]) == 1


def test_int8_gate_refuses_and_force_overrules(coarse, exported, data, tmp_path):
    inputs, fields = {"model": exported, "data": data}, {**STRICT, "max_reverts": 0}
    with pytest.raises(GateError, match=r"at most 0\), .* nothing was written.*--force"):
        made("quantize", tmp_path / "int8", inputs, **fields)
    assert list(tmp_path.iterdir()) == []
    forced = made("quantize", tmp_path / "int8", inputs, force=True, **fields)
    assert not forced.facts["gate"]["passed"]

import shutil

import pytest

from limbeck.core.bundle import open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.journal import Journal
from limbeck.core.measurement import find, read_measurements
from limbeck.stages import package
from tests.page.factory import Run

LOG = Journal(quiet=True)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    run = Run(n=40, epochs=0).make(tmp_path_factory.mktemp("run"))
    return {"model": run["bundle"], "student": run["student"], **{k: run[k] for k in ("evaluation", "benchmark")}}


def test_ships_the_models_files_with_card_and_numbers(inputs, tmp_path):
    out = package.run(package.Spec(), inputs, tmp_path / "bundle", LOG)
    assert out.verify().files() == ("README.md", "measurements.json", "model.onnx", "tokenizer.json")
    assert out.file("model.onnx").read_bytes() == inputs["model"].file("model.onnx").read_bytes()
    assert find(read_measurements(out.file("measurements.json")), "bundle", "speedup").value > 1


def test_keeps_the_models_facts(inputs, tmp_path):
    out = package.run(package.Spec(), inputs, tmp_path / "bundle", LOG)
    model = inputs["model"]
    assert out.labels == model.labels
    assert {k: out.facts[k] for k in model.facts} == model.facts
    assert out.facts["role"] == "bundle"


def test_a_benchmark_is_not_needed(inputs, tmp_path):
    few = {k: inputs[k] for k in ("model", "evaluation")}
    out = package.run(package.Spec(), few, tmp_path / "bundle", LOG)
    assert "speed-up" not in out.file("README.md").read_text()


def test_a_model_that_was_not_measured_is_refused(inputs, tmp_path):
    other = Run(n=40, roles=("x", "bundle"), epochs=0).make(tmp_path / "other")["bundle"]
    with pytest.raises(
        BundleError, match=r"measured teacher, student, bundle, none of which is .*run `limbeck evaluate`"
    ):
        package.run(package.Spec(), {**inputs, "model": other}, tmp_path / "bundle", LOG)
    assert not (tmp_path / "bundle").exists()


def test_a_damaged_model_is_never_shipped(inputs, tmp_path):
    shutil.copytree(inputs["model"].path, tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"\0" * 17_000)
    with pytest.raises(BundleError, match=r"model\.onnx: sha256 differs"):
        package.run(package.Spec(), {**inputs, "model": open_bundle(tmp_path / "model")}, tmp_path / "bundle", LOG)

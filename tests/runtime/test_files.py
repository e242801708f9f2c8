"""Bundles from anywhere: what is refused before anything is parsed."""

import shutil

import onnx
import pytest
from onnx import TensorProto

from limbeck.core.bundle import create_bundle
from limbeck.core.errors import BundleError
from limbeck.core.spec import Spec
from limbeck.runtime import load
from limbeck.runtime.files import refers_outside
from tests.makers import tiny_model
from tests.runtime.conftest import edit


@pytest.fixture
def copy(sentences, tmp_path):
    """A Bundle to damage."""
    return shutil.copytree(sentences.path, tmp_path / "bundle")


def refused(copy, message, **options) -> bool:
    with pytest.raises(BundleError, match=message):
        load(copy, **options)
    return True


def test_no_directory(tmp_path):
    assert refused(tmp_path / "gone", "no such directory")


def test_no_manifest(copy):
    (copy / "bundle.json").unlink()
    assert refused(copy, r"there is no bundle\.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.clear(),
        lambda m: m.pop("files"),
        lambda m: m.pop("facts"),
        lambda m: m.update(files=[1]),
        lambda m: m["files"].update({"model.onnx": "x"}),
        lambda m: m["files"]["model.onnx"].pop("sha256"),
        lambda m: m["files"]["model.onnx"].update(size_bytes="9"),
    ],
)
def test_a_malformed_manifest(copy, change):
    edit(copy, change)
    assert refused(copy, "not a Bundle manifest")


def test_a_later_format(copy):
    edit(copy, lambda m: m.update(format=99, files=None))
    assert refused(copy, "format 99.*upgrade limbeck")


def test_torch_weights_name_the_command_that_converts_them(tmp_path):
    with create_bundle(tmp_path / "student", "distil", Spec(), {}) as draft:
        (draft.path / "model.safetensors").write_bytes(b"x")
    assert refused(tmp_path / "student", "PyTorch weights; run `limbeck export`")


def test_a_data_bundle_is_no_model(tmp_path):
    with create_bundle(tmp_path / "data", "prepare", Spec(), {}) as draft:
        (draft.path / "train.jsonl").write_text("")
    assert refused(tmp_path / "data", r"prepare Bundle holds no model; it has train\.jsonl")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "bundle.json"])
def test_a_link(copy, name):
    elsewhere = (copy / name).rename(copy.parent / name)
    (copy / name).symlink_to(elsewhere)
    assert refused(copy, f"{name}: .*plain file")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "directory"])
def test_a_damaged_file_is_named(copy, name, damage):
    data = (copy / name).read_bytes()
    (copy / name).unlink()
    if damage == "truncated":
        (copy / name).write_bytes(data[:-1])
    elif damage == "directory":
        (copy / name).mkdir()
    assert refused(copy, name)


def test_a_flipped_bit_is_found_when_asked_to_verify(copy):
    data = bytearray((copy / "model.onnx").read_bytes())
    data[-100] ^= 1
    (copy / "model.onnx").write_bytes(data)
    assert refused(copy, r"model\.onnx: sha256 differs", verify=True)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_a_name_outside_the_bundle(copy, name):
    edit(copy, lambda m: m["files"].update({name: m["files"]["model.onnx"]}))
    assert refused(copy, "not a plain file name", verify=True)


def replace_model(copy, data):
    (copy / "model.onnx").write_bytes(data)
    edit(copy, lambda m: m["files"]["model.onnx"].update(size_bytes=len(data)))


@pytest.mark.parametrize("place", ["weights.bin", "../secret", "/etc/hostname"])
def test_weights_in_another_file(copy, place):
    model = tiny_model(2, per_token=False, segments=True)
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=place)
    replace_model(copy, model.SerializeToString())
    assert refused(copy, "weights in another file")


@pytest.mark.parametrize(
    "spelling", [b"\x0a\x08location", b"\x0a\x88\x00location", b"\x8a\x80\x00\x88\x80\x80\x00location"]
)
def test_every_spelling_of_an_external_file_is_known(spelling):
    entry = onnx.StringStringEntryProto.FromString(spelling)
    assert entry.key == "location"
    assert refers_outside(b"a location, " + spelling + b"after")


def test_the_mere_word_is_no_reference():
    assert not refers_outside(b"location " * 3 + b"\x0a\x0ballocation_")


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x08\x0a"])
def test_what_is_no_model(copy, data):
    replace_model(copy, data)
    assert refused(copy, "onnxruntime cannot load")


def test_a_model_that_wants_other_inputs(copy):
    model = tiny_model(2, per_token=False, segments=True)
    for node in model.graph.node:
        node.input[:] = ["pixels" if i == "input_ids" else i for i in node.input]
    model.graph.input[0].name = "pixels"
    replace_model(copy, model.SerializeToString())
    assert refused(copy, r"wants \['pixels'\]")

"""Folders that a stranger made, at every door by which one comes in: refused by name, nothing run or read outside."""

import json
import os
import pickle
import shutil
import struct
import sys

import pytest
import torch
import transformers
from typer.testing import CliRunner

import limbeck
from limbeck.cli.app import app
from limbeck.core.bundle import create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import sha256_file
from limbeck.core.spec import Spec
from limbeck.engine.score import open_scorer
from limbeck.nn.checkpoint import load_network
from limbeck.nn.outlook import outlook_of_bundle
from limbeck.nn.tokenizers import save_tokenizer
from limbeck.stages import finetune
from limbeck.text.port import Example
from tests.makers import onnx_bundle, tiny_model, tiny_tokenizer
from tests.models import config

SECRET = "the recipe of the house"
MODELS = ("model.onnx", "model.safetensors")


class Payload:
    """What makes a directory when it is unpickled."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return os.mkdir, (str(self.sentinel),)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """A whole Bundle of each kind."""
    folder = tmp_path_factory.mktemp("wholes")
    onnx = onnx_bundle(folder / "onnx", "text_classification", ("no", "yes"))
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    size = config("bert", vocabulary=tokenizer.get_vocab_size(), layers=1)
    with create_bundle(folder / "torch", "finetune", Spec(), {}) as draft:
        transformers.AutoModelForSequenceClassification.from_config(size).save_pretrained(draft.path)
        tokenizer.save(str(draft.path / "tokenizer.json"))
        (draft.path / "tokenizer_config.json").write_text("{}")
        facts = {"task": {"kind": "text_classification"}, "labels": ["no", "yes"], "max_length": 32}
        draft.facts |= facts | {"dims": {"vocabulary": tokenizer.get_vocab_size()}}
    return {"onnx": onnx.path, "torch": open_bundle(folder / "torch").path}


def predict(path):
    return limbeck.load(path).predict(["good film"])


def inspect(path):
    result = CliRunner().invoke(app, ["inspect", str(path)])
    if result.exit_code == 2:
        raise BundleError(result.stderr)
    if result.exception:
        raise result.exception


def evaluate(path):
    return open_scorer(open_bundle(path)).logits([Example("good film")])


def teach(path):
    outlook_of_bundle(open_bundle(path))
    return evaluate(path)


def tune(path):
    finetune.foresee(finetune.Spec(model=str(path), max_length=32), {})
    (copy := path.parent / "tokenizer").mkdir()
    save_tokenizer(path, copy)
    load_network(path, "AutoModelForSequenceClassification", ("no", "yes", "perhaps"))


DOORS = {
    "predict": ("onnx", predict),
    "inspect": ("onnx", inspect),
    "evaluate": ("torch", evaluate),
    "distil": ("torch", teach),
    "finetune": ("torch", tune),
}
OF_TORCH = ("evaluate", "distil", "finetune")
OF_BUNDLES = ("predict", "inspect", "evaluate", "distil")
OPENING = ("predict", "evaluate", "distil")


class Folder:
    """A copy of a whole Bundle to be poisoned, and a place outside of it."""

    def __init__(self, path):
        self.path, self.outside = path, path.parent / "outside"
        self.model = next(path / name for name in MODELS if (path / name).exists())
        self.outside.mkdir()
        (self.outside / "secret").write_text(SECRET)
        self.ran = path.parent / "ran"

    def manifest(self, change):
        manifest = json.loads((self.path / "bundle.json").read_text())
        change(manifest)
        (self.path / "bundle.json").write_text(json.dumps(manifest))

    def put(self, name, data):
        """Replace a file, and let the manifest agree."""
        file = self.path / name
        file.unlink(missing_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        self.agree(name)

    def agree(self, name, digest=None):
        file = self.path / name
        entry = {"sha256": digest or sha256_file(file), "size_bytes": file.stat().st_size}
        self.manifest(lambda m: m["files"].update({name: entry}))

    def edit(self, name, **fields):
        self.put(name, json.loads((self.path / name).read_text()) | fields)

    def inflate(self, name, size_bytes):
        """Let a file be huge, though it takes no room."""
        with (self.path / name).open("ab") as file:
            file.truncate(size_bytes)
        if name != "bundle.json":
            self.agree(name, "0" * 64)

    def replace(self, name, make):
        (self.path / name).unlink(missing_ok=True)
        make(self.path / name)


def link(folder):
    size = folder.model.stat().st_size
    (folder.outside / "secret").write_text(SECRET.ljust(size))
    folder.replace(folder.model.name, lambda p: p.symlink_to(folder.outside / "secret"))


def hard_link(folder):
    folder.replace("tokenizer.json", lambda p: os.link(folder.outside / "secret", p))
    folder.agree("tokenizer.json")


def parent_link(folder):
    folder.replace("deep", lambda p: p.symlink_to(folder.outside))
    folder.manifest(lambda m: m["files"].update({"deep/secret": {"sha256": "0", "size_bytes": len(SECRET)}}))


def named(name):
    def attack(folder):
        folder.manifest(lambda m: m["files"].update({name: {"sha256": "0", "size_bytes": len(SECRET)}}))

    return attack


def external_data(folder):
    from onnx import TensorProto

    model = tiny_model(2, per_token=False, segments=True)
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../outside/secret")
    folder.put("model.onnx", model.SerializeToString())


def header(length, text=b"{}"):
    return lambda f: f.put("model.safetensors", struct.pack("<Q", length) + text)


def overlapping(folder):
    part = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    text = json.dumps({"a": part, "b": part}).encode()
    folder.put("model.safetensors", struct.pack("<Q", len(text)) + text + bytes(16))


def other_tokenizer(folder):
    tokenizer = tiny_tokenizer([f"word{i}" for i in range(50)])
    folder.put("tokenizer.json", tokenizer.to_str().encode())


def indexed(folder):
    folder.replace("model.safetensors", lambda p: None)
    parts = {"weight_map": {"a": "../outside/secret"}}
    (folder.path / "model.safetensors.index.json").write_text(json.dumps(parts))


def stray(name, make):
    return lambda f: make(f.path / name)


def pickled(name):
    return lambda f: f.put(name or f.model.name, pickle.dumps(Payload(f.ran)))


def only_pickle(folder):
    folder.model.unlink()
    (folder.path / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(folder.ran)))


def code(name):
    def attack(folder):
        (folder.path / "evil.py").write_text(f"import os\nos.mkdir({str(folder.ran)!r})\nclass Evil: pass\n")
        folder.agree("evil.py")
        key = {"config.json": "AutoConfig", "tokenizer_config.json": "AutoTokenizer"}[name]
        folder.edit(name, auto_map={key: "evil.Evil", "AutoModel": "evil.Evil"})

    return attack


ATTACKS = {
    "a link instead of the model": (DOORS, link, "a link"),
    "a link to what never ends": (
        DOORS, lambda f: f.replace("tokenizer.json", lambda p: p.symlink_to("/dev/zero")), "a link"),
    "a hard link instead of the tokenizer": (DOORS, hard_link, "hard link"),
    "a link instead of the manifest": (
        OF_BUNDLES, lambda f: f.replace("bundle.json", lambda p: p.symlink_to(f.outside / "secret")), "a link"),
    "a pipe instead of the manifest": (OF_BUNDLES, lambda f: f.replace("bundle.json", os.mkfifo), "a pipe"),
    "a pipe instead of the tokenizer": (DOORS, lambda f: f.replace("tokenizer.json", os.mkfifo), "a pipe"),
    "a pipe instead of the model": (DOORS, lambda f: f.replace(f.model.name, os.mkfifo), "a pipe"),
    "a directory instead of the model": (
        OF_BUNDLES, lambda f: f.replace(f.model.name, os.mkdir), "a directory"),
    "a pipe beside the files": (DOORS, stray("zzz.json", os.mkfifo), "not in the manifest|a pipe"),
    "a link to a directory beside the files": (
        DOORS, stray("zzz", lambda p: p.symlink_to(p.parent.parent / "outside")), "not in the manifest|a link"),
    "a file beyond a linked directory": (OF_BUNDLES, parent_link, "behind the link deep"),
    "a name that climbs out": (OF_BUNDLES, named("../outside/secret"), "not a plain file name"),
    "a name that climbs out from within": (OF_BUNDLES, named("a/../../outside/secret"), "not a plain file name"),
    "an absolute name": (OF_BUNDLES, named("/etc/hostname"), "not a plain file name"),
    "a name for another system": (OF_BUNDLES, named("..\\outside\\secret"), "not a plain file name"),
    "a name that commands a terminal": (OF_BUNDLES, named("a\x1b[2Jb"), "not a plain file name"),
    "a file that the manifest does not list": (
        OF_BUNDLES, stray("generation_config.json", lambda p: p.write_text("{}")), "not in the manifest"),
    "an adapter of another model": (DOORS, stray("adapter_config.json", lambda p: p.write_text("{}")),
                                    "not in the manifest|an adapter"),
    "a listed adapter of another model": (
        ("evaluate", "distil"), lambda f: f.put("adapter_config.json", {"base_model_name_or_path": "../outside"}),
        "an adapter, which names another model"),
    "a file of another size": (OF_BUNDLES, lambda f: f.model.write_bytes(b"x"), "1 bytes, .* expected"),
    "a file of another hash": (("inspect",), lambda f: f.agree("tokenizer.json", "0" * 64), "sha256 differs"),
    "a missing file": (OF_BUNDLES, lambda f: (f.path / "tokenizer.json").unlink(), r"tokenizer\.json: missing"),
    "a huge tokenizer": (DOORS, lambda f: f.inflate("tokenizer.json", 1 << 40), "more than the"),
    "a huge manifest": (OF_BUNDLES, lambda f: f.inflate("bundle.json", 1 << 40), "more than the"),
    "a huge configuration": (DOORS, lambda f: f.inflate("config.json", 1 << 40), "more than the"),
    "a huge ONNX file": (("predict", "inspect"), lambda f: f.inflate("model.onnx", 1 << 40), "more than the"),
    "a pickle instead of the model": (
        (*OPENING, "finetune"), pickled(""), "cannot load the model|cannot be loaded|parameters, the weights have"),
    "a pickle instead of the tokenizer": ((*OPENING, "finetune"), pickled("tokenizer.json"), "no usable tokenizer"),
    "a pickle alone": (("finetune",), only_pickle, "a pickle.*limbeck import"),
    "code in the configuration": (OF_TORCH, code("config.json"), r"asks for code of its own \(auto_map\)"),
    "code in the tokenizer": (OF_TORCH, code("tokenizer_config.json"), r"asks for code of its own \(auto_map\)"),
    "attention by a stranger's kernel": (
        OF_TORCH, lambda f: f.edit("config.json", _attn_implementation="evil/kernel"), "asks for code of its own"),
    "weights in another library's form": (
        OF_TORCH, lambda f: f.edit("config.json", quantization_config={"quant_method": "gptq"}), "quantised weights"),
    "a layer count that never ends": (
        OF_TORCH, lambda f: f.edit("config.json", num_hidden_layers=10**9), "num_hidden_layers is 1000000000"),
    "a vocabulary that fills the memory": (
        OF_TORCH, lambda f: f.edit("config.json", vocab_size=2 * 10**9), "parameters|cannot be loaded"),
    "weights in a file outside": (("finetune",), indexed, "no safetensors file of this directory"),
    "weights of ONNX in a file outside": (("predict",), external_data, "keeps weights in another file"),
    "a header of 2⁶² bytes": (OF_TORCH, header(1 << 62), "cannot be loaded|parameters, the weights have"),
    "a header longer than the file": (OF_TORCH, header(9999), "cannot be loaded|parameters, the weights have"),
    "tensors that overlap": (OF_TORCH, overlapping, "cannot be loaded|parameters, the weights have"),
    "a tokenizer of another model": ((*OPENING, "finetune"), other_tokenizer, "its tokenizer has .* tokens, the model"),
    "a tokenizer that is no JSON": (
        (*OPENING, "finetune"), lambda f: f.put("tokenizer.json", b"{"), "no usable tokenizer"),
    "a tokenizer of no known type": (
        (*OPENING, "finetune"), lambda f: f.put("tokenizer.json", {"version": "1.0", "model": {"type": "Evil"}}),
        "no usable tokenizer"),
    "more labels than logits": (
        OPENING, lambda f: f.manifest(lambda m: m["facts"]["labels"].append("perhaps")), "names 3 labels"),
    "labels that are no names": (
        OPENING, lambda f: f.manifest(lambda m: m["facts"].update(labels=[1, 2])), "distinct names"),
    "a length without end": (
        OPENING, lambda f: f.manifest(lambda m: m["facts"].update(max_length=10**12)), "max_length is 1000000000000"),
}  # fmt: skip
OPENED = []
"""Files opened while a door is watched."""


def watch(event, arguments):
    if event == "open" and OPENED and isinstance(arguments[0], str | os.PathLike):
        OPENED.append(os.fspath(arguments[0]))


sys.addaudithook(watch)


@pytest.mark.parametrize(
    ("door", "name"),
    [
        pytest.param(
            d, n, id=f"{d}: {n}", marks=[pytest.mark.slow] if d == "distil" else []
        )  # opens as `evaluate` does
        for n, (doors, *_) in ATTACKS.items()
        for d in doors
    ],
)
def test_is_refused_by_name_and_nothing_runs(wholes, tmp_path, door, name):
    kind, enter = DOORS[door]
    _, attack, message = ATTACKS[name]
    folder = Folder(shutil.copytree(wholes[kind], tmp_path / "bundle"))
    attack(folder)
    OPENED.append("watching")
    try:
        with pytest.raises(BundleError, match=message) as caught:
            enter(folder.path)
    finally:
        opened = OPENED[:]
        OPENED.clear()
    assert SECRET not in str(caught.value)
    assert [path for path in opened if str(folder.outside) in path or path.startswith("/dev/zero")] == []
    assert not folder.ran.exists()
    assert "trust_remote_code" not in str(caught.value)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("door", DOORS)
def test_what_is_whole_comes_in(wholes, tmp_path, door):
    kind, enter = DOORS[door]
    enter(copy := shutil.copytree(wholes[kind], tmp_path / "bundle"))
    assert contents(copy) == contents(wholes[kind])


@pytest.mark.parametrize("door", DOORS)
def test_hidden_files_are_no_concern(wholes, tmp_path, door):
    kind, enter = DOORS[door]
    copy = shutil.copytree(wholes[kind], tmp_path / "bundle")
    (copy / ".gitattributes").touch()
    if door != "inspect":  # which tells of all that is there
        enter(copy)
    assert contents(copy) == contents(wholes[kind]) | {".gitattributes": b""}


def test_the_cache_of_the_hub_is_made_of_links(wholes, tmp_path):
    blobs, snapshot = tmp_path / "hub" / "blobs", tmp_path / "hub" / "snapshots" / "abc"
    shutil.copytree(wholes["torch"], blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    finetune.foresee(finetune.Spec(model=str(snapshot), max_length=32), {})
    (snapshot / "vocab.txt").symlink_to(wholes["torch"] / "config.json")
    with pytest.raises(BundleError, match=r"vocab\.txt: not a plain file but a link"):
        finetune.foresee(finetune.Spec(model=str(snapshot), max_length=32), {})

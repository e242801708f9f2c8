"""Files of every kind with parts that are wrong: each opens into something that works, or is refused in our words."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

import limbeck
from limbeck import execution
from limbeck.cli.inspect import _everything, _lines
from limbeck.core.bundle import open_bundle
from limbeck.core.errors import LimbeckError
from limbeck.core.hashing import digest
from limbeck.core.recipe import from_plain, load_yaml, read_recipe
from limbeck.nn.checkpoint import check_length, load_network
from limbeck.nn.tokenizers import read_tokenizer
from limbeck.text.encode import Encoder
from tests.makers import onnx_bundle, tiny_tokenizer
from tests.models import ROOT, config

DEEP = json.loads("[" * 200 + "]" * 200)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**63, 10**400, -(10**12), 1e308, float("nan"), float("inf")]),
    st.text(max_size=3),
    st.sampled_from(["\ud800", "\0", "../..", "x" * 10_000, [], {}, [[]], {"": None}, [1, "a", None], DEEP]).map(
        copy.deepcopy  # another change may be made inside it
    ),
)
"""What stands where something else is expected."""


def places(value, above=()):
    """The path of every part of a plain value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*above, key)
        if not above or len(above) < 4:
            yield from places(part, (*above, key))


@st.composite
def changed(draw, whole, among=None):
    """A plain value of which one part, or a few, are gone, doubled or something else."""
    value = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        paths = [p for p in places(value) if among is None or among(p)]
        *above, last = draw(st.sampled_from(paths))
        place = value
        for key in above:
            place = place[key]
        how = draw(st.sampled_from(["other", "other", "gone", "more"]))
        if how == "other":
            place[last] = draw(ODD)
        elif how == "gone":
            del place[last]
        elif isinstance(place, dict):
            place[draw(st.sampled_from(["auto_map", "", "kind", "weight", "x"]))] = draw(ODD)
        else:
            place.insert(0, draw(ODD))
    return value


@st.composite
def torn(draw, data: bytes):
    """Bytes of which some are gone or others."""
    start = draw(st.integers(0, len(data)))
    return data[:start] + draw(st.binary(max_size=8)) + data[start + draw(st.integers(0, 40)) :]


def answered(door, *arguments):
    """Go through a door, or be refused at it."""
    try:
        door(*arguments)
    except LimbeckError as error:
        assert str(error).strip()


def dumped(value) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def onnx(tmp_path_factory) -> Path:
    return onnx_bundle(tmp_path_factory.mktemp("onnx") / "b", "text_classification", ("no", "yes")).path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    size = config("bert", vocabulary=tokenizer.get_vocab_size(), layers=1)
    transformers.AutoModelForSequenceClassification.from_config(size).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def open_everything(path):
    """Every door of an ONNX Bundle."""
    bundle = open_bundle(path)
    answered(lambda: digest([bundle.digest, _everything(bundle), [str(line) for line in _lines(bundle)]]))
    limbeck.load(path).predict(["good film"])


def open_checkpoint(folder):
    check_length(folder, 16)
    load_network(folder, "AutoModelForSequenceClassification", ("no", "yes", "perhaps"))


def open_tokenizer(folder):
    Encoder.read(folder / "tokenizer.json", 16).texts(["a good film", "\ud800京"])
    encoder = Encoder(read_tokenizer(folder), 16)
    encoder.words([["good", "film", "\x00"]])


def open_recipe(text):
    execution.resolve(from_plain(load_yaml(text, "r"), "r"))


class Subject:
    """A valid file, where it lies, and the door through which it is opened."""

    def __init__(self, folder, name, door):
        self.folder, self.name, self.door = folder, name, door
        self.data = (folder / name).read_bytes()

    def opened_with(self, data: bytes):
        try:
            (self.folder / self.name).write_bytes(data)
            if self.name != "bundle.json" and (self.folder / "bundle.json").exists():
                manifest = json.loads((self.folder / "bundle.json").read_text())
                manifest["files"][self.name]["size_bytes"] = len(data)
                (self.folder / "bundle.json").write_text(json.dumps(manifest))
            answered(self.door, self.folder)
        finally:
            (self.folder / self.name).write_bytes(self.data)


KINDS = {
    "bundle.json": ("onnx", "bundle.json", open_everything),
    "tokenizer.json of a Bundle": ("onnx", "tokenizer.json", open_everything),
    "config.json": ("checkpoint", "config.json", open_checkpoint),
    "tokenizer.json": ("checkpoint", "tokenizer.json", open_tokenizer),
}


@pytest.fixture
def subject(request, tmp_path):
    source, name, door = KINDS[request.param]
    return Subject(shutil.copytree(request.getfixturevalue(source), tmp_path / "subject"), name, door)


def no_token(path) -> bool:
    """One token of a vocabulary is as good as another."""
    return path[:2] != ("model", "vocab") or len(path) == 2 or path[2] in ("[UNK]", "good")


def fuzz(subject, examples) -> int:
    """How many files were opened or refused."""
    whole, tried = json.loads(subject.data), []

    @settings(max_examples=examples)
    @given(st.one_of(changed(whole, no_token).map(dumped), changed(whole, no_token).map(dumped), torn(subject.data)))
    def test(data):
        subject.opened_with(data)
        tried.append(data)

    test()
    return len(tried)


@pytest.mark.parametrize("subject", KINDS, indirect=True)
def test_a_file_opens_or_is_refused(subject):
    assert fuzz(subject, 15) > 0


@pytest.mark.slow
@pytest.mark.parametrize("subject", KINDS, indirect=True)
def test_many_a_file_opens_or_is_refused(subject):
    assert fuzz(subject, 1000) > 0


RECIPES = [read_recipe(path).plain() for path in sorted((ROOT / "recipes").glob("*.yaml"))]


def fuzz_recipes(examples) -> int:
    """How many recipes were read or refused."""
    tried = []
    whole = st.sampled_from(RECIPES).flatmap(changed)

    @settings(max_examples=examples)
    @given(st.one_of(whole.map(dumped), st.sampled_from(RECIPES).map(dumped).flatmap(torn), st.binary(max_size=60)))
    def test(data):
        answered(open_recipe, data.decode("utf-8", "replace"))
        tried.append(data)

    test()
    return len(tried)


def test_a_recipe_is_read_or_refused():
    assert fuzz_recipes(20) > 0


@pytest.mark.slow
def test_many_a_recipe_is_read_or_refused():
    assert fuzz_recipes(2000) > 0


BOMBS = {
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "merges": "a: &a {x: 1}\nb: {<<: *a}",
    "depth": "[" * 60 + "]" * 60,
    "depth of mappings": "".join(f"{' ' * i}a:\n" for i in range(60)),
    "values": "[" + "1," * 101 + "]",
    "a tag": "!!python/object/apply:os.mkdir [ran]",
    "a number": "a: " + "9" * 5000,
    "a number of base 60": "a: " + ":".join(["59"] * 3000),
    "a date": "a: 2001-99-99",
    "a key twice": "a: 1\na: 2",
    "a key that is a list": "[1]: 2",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_would_unfold_in_yaml_is_refused(bomb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("limbeck.core.recipe._LIMIT_NODES", 100)
    with pytest.raises(LimbeckError):
        open_recipe(BOMBS[bomb])
    assert list(tmp_path.iterdir()) == []

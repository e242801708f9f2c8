"""Old checkpoints: whose weights are read, under whatever names, and of which nothing is run."""

import os
import pickle
import zipfile

import pytest
import torch
import transformers
from safetensors.torch import save_file
from typer.testing import CliRunner

import limbeck
from limbeck.cli.app import app
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.journal import Journal
from limbeck.nn.checkpoint import load_bundle
from limbeck.stages.import_checkpoint import Spec, run
from tests.makers import tiny_tokenizer
from tests.models import backbone, config, masked_lm, reviews

QUIET = Journal(quiet=True)
LABELS = ("sad", "glad", "mad")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A directory with config.json and tokenizer alone, and the classifier that was trained somewhere."""
    folder = tmp_path_factory.mktemp("old")
    tokenizer = tiny_tokenizer()
    size = config("bert", vocabulary=tokenizer.get_vocab_size(), layers=2)
    size.num_labels = 3
    torch.manual_seed(3)
    network = transformers.AutoModelForSequenceClassification.from_config(size).eval()
    tokenizer.save(str(folder / "tokenizer.json"))
    size.save_pretrained(folder)
    return folder, network


def spec(old, path, **fields) -> Spec:
    return Spec(**{"weights": str(path), "config": str(old[0]), "max_length": 32, **fields})


def imported(old, tmp_path, content, **fields):
    torch.save(content, tmp_path / "old.pth")
    return run(spec(old, tmp_path / "old.pth", **fields), {}, tmp_path / "out", Journal(quiet=True))


def logits(network):
    with torch.no_grad():
        return network(input_ids=torch.tensor([[2, 9, 10, 11, 3]])).logits


def renamed(weights, before=""):
    """As old converters named them, behind a prefix."""
    old_names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    result = {}
    for name, tensor in weights.items():
        old = name
        for new, other in old_names.items():
            old = old.replace(new, other)
        result[before + old] = tensor
    return result


NESTS = {
    "plain": lambda w: w,
    "data parallel": lambda w: {f"module.{k}": v for k, v in w.items()},
    "compiled inside data parallel": lambda w: {f"module._orig_mod.{k}": v for k, v in w.items()},
    "lightning": lambda w: {"epoch": 3, "state_dict": {f"model.{k}": v for k, v in w.items()}},
    "with its optimiser": lambda w: {"model_state_dict": w, "optimizer": {"state": {0: torch.ones(2)}}, "loss": 0.5},
    "nest in a nest": lambda w: {"model": {"state_dict": w}},
    "gamma and beta": renamed,
    "gamma and beta behind module": lambda w: renamed(w, "module."),
    "encoder under another name": lambda w: {k.replace("bert.", "text_model.", 1): v for k, v in w.items()},
    "encoder without a name": lambda w: {k.removeprefix("bert."): v for k, v in w.items()},
    "with positions, as of old": lambda w: w | {"bert.embeddings.position_ids": torch.arange(64)[None]},
}


FIRST = ("plain", "lightning", "gamma and beta behind module", "encoder under another name")


@pytest.mark.parametrize("nest", [pytest.param(n, marks=[] if n in FIRST else [pytest.mark.slow]) for n in NESTS])
def test_a_classifier_answers_as_it_did(old, tmp_path, nest):
    made = imported(old, tmp_path, NESTS[nest](old[1].state_dict()), task="text_classification", labels=LABELS)
    model = load_bundle(made.verify())
    assert made.labels == LABELS
    assert made.facts["warnings"] == []
    model.network.set_attn_implementation("eager")
    torch.testing.assert_close(logits(model.network), logits(old[1]))


def test_labels_may_stand_in_the_configuration(old, tmp_path):
    folder = tmp_path / "config"
    size = transformers.AutoConfig.from_pretrained(old[0])
    size.id2label = dict(enumerate(LABELS))
    size.save_pretrained(folder)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    assert imported((folder, None), tmp_path, old[1].state_dict(), task="text_classification").labels == LABELS


def test_safetensors_with_shells_are_read_too(old, tmp_path):
    save_file({f"module.{k}": v for k, v in old[1].state_dict().items()}, tmp_path / "old.safetensors")
    made = run(spec(old, tmp_path / "old.safetensors"), {}, tmp_path / "out", Journal(quiet=True))
    assert made.facts["dims"]["layers"] == 2


def test_an_encoder_alone_may_lack_its_pooler_and_leaves_its_head_behind(old, tmp_path):
    weights = {k: v for k, v in old[1].state_dict().items() if "pooler" not in k}
    made = imported(old, tmp_path, weights | {"cls.predictions.bias": torch.zeros(3)})
    assert "labels" not in made.facts
    assert "left out" in made.facts["warnings"][0]
    assert "cls.predictions.bias" in made.facts["warnings"][0]
    found, info = transformers.AutoModel.from_pretrained(made.path, output_loading_info=True)
    assert {name.split(".")[0] for name in info["missing_keys"]} == {"pooler"}
    table = found.get_input_embeddings().weight
    torch.testing.assert_close(table, weights["bert.embeddings.word_embeddings.weight"])


def without(old, part):
    return {k: v for k, v in old[1].state_dict().items() if part not in k}


REFUSED = {
    "no encoder": (lambda o: {"classifier.weight": torch.ones(200, 200)}, {}, "the encoder's weights are missing"),
    "a layer is missing": (lambda o: without(o, "layer.1."), {}, r"missing encoder\.layer\.1.*in all"),
    "another size": (lambda o: {k: v[:1] for k, v in o[1].state_dict().items()}, {}, "of other shapes than"),
    "two encoders": (
        lambda o: {f"{n}.{k}": v for n in ("a", "b") for k, v in o[1].state_dict().items()}, {}, "several encoders"),
    "one name twice": (lambda o: o[1].state_dict() | {"module.classifier.bias": torch.ones(3)}, {}, "more than once"),
    "no weights": (lambda o: {"epoch": 3, "lr": 0.1}, {}, "no state dict in it, but epoch, lr"),
    "a list": (lambda o: [1, 2], {}, "no state dict"),
    "no head": (lambda o: without(o, "classifier"), {"task": "text_classification", "labels": LABELS},
                r"missing classifier.*leave --task out"),
    "too few labels": (lambda o: o[1].state_dict(), {"task": "text_classification", "labels": LABELS[:2]},
                       r"classifier\.bias \[3\] instead of \[2\]"),
    "labels without names": (lambda o: o[1].state_dict(), {"task": "text_classification"}, "does not name the labels"),
    "more positions": (lambda o: o[1].state_dict(), {"max_length": 65}, "set it to at most 64"),
    "numbers from nothing": (lambda o: {"x": torch.zeros(1).expand(10**9)}, {}, "cannot hold the 1,000,000,000"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_such_checkpoint_is_refused_by_name(old, tmp_path, reason):
    content, fields, message = REFUSED[reason]
    with pytest.raises(BundleError, match=message):
        imported(old, tmp_path, content(old), **fields)
    assert not (tmp_path / "out").exists()


def test_labels_are_of_a_head(old, tmp_path):
    with pytest.raises(RecipeError, match="say of which task"):
        imported(old, tmp_path, {}, labels=LABELS)
    with pytest.raises(RecipeError, match="name stands twice"):
        imported(old, tmp_path, {}, labels=("a", "a", "b"), task="text_classification")


class Payload:
    """What runs a command when it is unpickled."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return os.mkdir, (str(self.sentinel),)


@pytest.mark.parametrize("form", ["archive", "legacy", "bare"])
def test_nothing_in_a_pickle_is_run(old, tmp_path, form):
    content = {"state_dict": old[1].state_dict(), "args": Payload(tmp_path / "ran")}
    if form == "bare":
        (tmp_path / "old.pth").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / "old.pth", _use_new_zipfile_serialization=form == "archive")
    with pytest.raises(BundleError, match=r"refused|no checkpoint of PyTorch") as caught:
        run(spec(old, tmp_path / "old.pth"), {}, tmp_path / "out", Journal(quiet=True))
    assert "weights_only" not in str(caught.value)
    assert "safe_globals" not in str(caught.value)
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "old.pth", weights_only=False) if form != "bare" else pickle.loads(pickle.dumps(content))
    assert (tmp_path / "ran").exists()  # the payload would have worked


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a checkpoint", b"\x80\x02."])
def test_a_damaged_file_is_named(old, tmp_path, data):
    (tmp_path / "old.pth").write_bytes(data)
    with pytest.raises(BundleError, match=r"old\.pth: "):
        run(spec(old, tmp_path / "old.pth"), {}, tmp_path / "out", Journal(quiet=True))


def test_an_archive_that_unfolds_is_refused(old, tmp_path):
    with zipfile.ZipFile(tmp_path / "old.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("old/data.pkl", bytes(1 << 20))
    with pytest.raises(BundleError, match="unfolds to"):
        run(spec(old, tmp_path / "old.pth"), {}, tmp_path / "out", Journal(quiet=True))


def test_a_pipe_is_not_waited_for(old, tmp_path):
    os.mkfifo(tmp_path / "old.pth")
    with pytest.raises(BundleError, match="a pipe"):
        run(spec(old, tmp_path / "old.pth"), {}, tmp_path / "out", Journal(quiet=True))


def test_it_is_a_function_and_the_encoder_can_be_opened_by_the_other_verbs(old, tmp_path):
    from limbeck.nn.outlook import outlook_of

    torch.save(old[1].state_dict(), tmp_path / "old.pth")
    made = limbeck.import_checkpoint(
        weights=tmp_path / "old.pth", config=old[0], out=tmp_path / "out", max_length=32, log=Journal(quiet=True)
    )
    assert made.stage == "import_checkpoint"
    assert outlook_of(made.path, 32).encoder.tokens == tiny_tokenizer().get_vocab_size()


def test_a_file_that_is_not_there_is_named(old, tmp_path):
    with pytest.raises(BundleError, match=r"old\.pth: no such file; give what torch\.save wrote"):
        run(spec(old, tmp_path / "old.pth"), {}, tmp_path / "out", Journal(quiet=True))


def test_an_old_checkpoint_given_for_a_model_is_told_how_it_becomes_one(old, tmp_path):
    torch.save(old[1].state_dict(), tmp_path / "old.pth")
    rows = reviews(tmp_path / "reviews.csv")
    with pytest.raises(BundleError, match=r"a file, not a model directory; .* `limbeck import .*old\.pth --config DIR"):
        limbeck.finetune(data=rows, model=tmp_path / "old.pth", out=tmp_path / "out", log=Journal(quiet=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.pth", "reviews.csv"]


def test_a_whole_directory_is_taken_as_it_is(tmp_path):
    backbone(tmp_path / "backbone", "distilbert")
    made = limbeck.import_checkpoint(config=tmp_path / "backbone", max_length=32, out=tmp_path / "out", log=QUIET)
    assert made.facts["name"] == "backbone"
    assert (made.facts["warnings"], made.facts["dims"]["layers"]) == ([], 4)
    of, into = (transformers.AutoModel.from_pretrained(folder) for folder in (tmp_path / "backbone", made.path))
    torch.testing.assert_close(into.state_dict(), of.state_dict())


@pytest.mark.parametrize("form", ["safetensors", "pickle", "parts"])
def test_a_masked_language_model_keeps_its_head_if_wanted(tmp_path, form):
    network = transformers.BertForMaskedLM.from_pretrained(masked_lm(tmp_path / "model")).eval()
    with torch.no_grad():
        network.cls.predictions.bias.normal_()
    (tmp_path / "model" / "model.safetensors").unlink()
    if form == "pickle":
        torch.save(network.state_dict(), tmp_path / "model" / "pytorch_model.bin")
    else:
        network.save_pretrained(tmp_path / "model", max_shard_size="20KB" if form == "parts" else "1GB")
    fields = {"config": tmp_path / "model", "max_length": 32, "log": QUIET}
    made = limbeck.import_checkpoint(**fields, head="masked_lm", out=tmp_path / "whole").verify()
    whole, info = transformers.BertForMaskedLM.from_pretrained(made.path, output_loading_info=True)
    assert not info["missing_keys"]
    torch.testing.assert_close(logits(whole.eval()), logits(network))
    assert made.facts["warnings"] == []
    bare = limbeck.import_checkpoint(**fields, out=tmp_path / "bare")
    assert "cls.predictions" in bare.facts["warnings"][0]
    assert made.facts["dims"]["layers"] == bare.facts["dims"]["layers"] == 2


def test_a_head_that_is_not_there_is_not_made_up(tmp_path):
    backbone(tmp_path / "backbone")
    with pytest.raises(BundleError, match=r"missing cls\.predictions.*leave --head out to import the encoder alone"):
        run(Spec(config=str(tmp_path / "backbone"), head="masked_lm", max_length=32), {}, tmp_path / "out", QUIET)
    with pytest.raises(RecipeError, match="kept instead of a task's head"):
        run(Spec(config=str(tmp_path / "backbone"), head="masked_lm", task="multi_label"), {}, tmp_path / "out", QUIET)
    assert not (tmp_path / "out").exists()


def test_the_verb_tells_a_directory_from_weights_alone(tmp_path):
    def imported(*arguments):
        return CliRunner().invoke(app, ["import", *map(str, arguments), "--set", "max_length=32"])

    folder = backbone(tmp_path / "backbone")
    weights = folder / "model.safetensors"
    assert imported(folder, "--out", tmp_path / "a").exit_code == 0
    assert imported(weights, "--config", folder, "--out", tmp_path / "b").exit_code == 0
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    refused = imported(weights, "--out", tmp_path / "c")
    assert refused.exit_code == 2
    assert "say with --config where" in refused.stderr

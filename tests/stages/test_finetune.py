"""Teachers: trained, kept, or refused."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

import limbeck
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.spec import parse
from limbeck.engine.score import dev_score, open_scorer
from limbeck.stages.finetune import Spec
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_encoder, open_task
from tests.stages.conftest import made


def score(bundle, data) -> float:
    task = open_task(bundle)
    return dev_score(open_scorer(bundle), task, read_examples(data, "dev"))[task.primary]


def test_learns_and_keeps_the_best_weights(teacher, data):
    history = teacher.facts["history"]
    assert [h["epoch"] for h in history] == list(range(1, 9))
    assert history[-1]["loss"] < history[0]["loss"]
    best = max(h["dev"]["accuracy"] for h in history)
    assert best > 0.8
    assert score(teacher, data) == pytest.approx(best)


def test_learns_tags(tagger, tags):
    assert score(tagger, tags) > 0.9


def test_opens_with_stock_classes(teacher, tagger):
    stock = AutoModelForSequenceClassification.from_pretrained(teacher.path)
    assert stock.config.id2label == dict(enumerate(teacher.labels))
    assert AutoModelForTokenClassification.from_pretrained(tagger.path).config.num_labels == len(tagger.labels)


def test_same_seed_same_weights(folder, data, tmp_path):
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 1, "seed": 3}
    twins = [made("finetune", tmp_path / n, {"data": data}, **fields) for n in ("a", "b")]
    assert twins[0].digest == twins[1].digest


def test_of_several_rates_the_best_on_dev_is_kept(folder, data, tmp_path):
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 4, "batch_size": 8}
    alone = made("finetune", tmp_path / "alone", {"data": data}, learning_rate=3e-3, **fields)
    tried = made("finetune", tmp_path / "tried", {"data": data}, learning_rate=[3e-3, 1e-7], **fields)
    history = tried.facts["history"]
    assert [h["phase"] for h in history] == ["finetune 0.003"] * 4 + ["finetune 1e-07"] * 4
    assert [h["loss"] for h in history[:4]] == [h["loss"] for h in alone.facts["history"]]
    assert history[4]["loss"] > history[3]["loss"], "the second rate begins where the first began"
    assert score(tried, data) == max(h["dev"]["accuracy"] for h in history) > history[7]["dev"]["accuracy"]


def test_without_a_rate_it_goes_by_the_width(folder, data, tmp_path):
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 1, "batch_size": 8}
    hidden = json.loads((folder / "backbone" / "config.json").read_text())["hidden_size"]
    by_width = made("finetune", tmp_path / "by-width", {"data": data}, **fields)
    wider, told = (
        made("finetune", tmp_path / name, {"data": data}, learning_rate=5e-5 * width / hidden, **fields)
        for name, width in (("wider", 1024), ("told", 768))
    )
    first, *others = ([h["loss"] for h in one.facts["history"]] for one in (by_width, told, wider))
    assert first == others[0] != others[1]


@pytest.mark.parametrize("rates", [[], [1e-4, 1e-4], [1e-4, 0], "high", [True], [float("inf")]])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(RecipeError, match=r"finetune.learning_rate: give a finite number > 0, or a list"):
        parse(Spec, {"learning_rate": rates}, "finetune")


def test_teacher_that_fits_is_not_trained_again(teacher, data, tmp_path):
    again = made("finetune", tmp_path / "again", {"data": data}, model=str(teacher.path), max_length=32)
    assert again.facts["history"] == []
    assert score(again, data) == score(teacher, data)


def test_head_with_labels_in_another_order_is_reordered(teacher, data, tmp_path):
    other = tmp_path / "other"
    network = AutoModelForSequenceClassification.from_pretrained(teacher.path)
    with torch.no_grad():
        for parameter in (network.classifier.weight, network.classifier.bias):
            parameter.copy_(parameter.flip(0).clone())
    network.config.id2label = {0: teacher.labels[1], 1: teacher.labels[0]}
    network.config.label2id = {v: k for k, v in network.config.id2label.items()}
    network.save_pretrained(other)
    shutil.copy(teacher.path / "tokenizer.json", other)
    again = made("finetune", tmp_path / "again", {"data": data}, model=str(other), max_length=32)
    assert again.labels == data.labels
    assert score(again, data) == score(teacher, data)


def test_head_of_other_labels_is_refused_or_replaced_on_request(teacher, data, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(teacher.path, other)
    config = json.loads((other / "config.json").read_text())
    config["id2label"], config["label2id"] = {"0": "cat", "1": "dog"}, {"cat": 0, "dog": 1}
    (other / "config.json").write_text(json.dumps(config))
    fields = {"model": str(other), "max_length": 32, "epochs": 1}
    with pytest.raises(BundleError, match=r"cat, dog.*negative, positive.*replace_head"):
        made("finetune", tmp_path / "refused", {"data": data}, **fields)
    assert not (tmp_path / "refused").exists()
    replaced = made("finetune", tmp_path / "replaced", {"data": data}, replace_head=True, **fields)
    assert replaced.labels == data.labels


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "model.safetensors").rename(d / "pytorch_model.bin"), "pickle"),
        (lambda d: (d / "model.safetensors").unlink(), "no model.safetensors"),
        (lambda d: (d / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense"), "weights have 16 bytes"),
        (lambda d: (d / "config.json").unlink(), "no config.json"),
        (lambda d: (d / "config.json").write_text('{"model_type": "t5"}'), "model_type 't5'.*bert, distilbert"),
        (lambda d: (d / "config.json").write_text('{"model_type": "bert", "auto_map": {}}'), "code of its own"),
        (lambda d: (d / "tokenizer.json").write_text("{}"), "tokenizer"),
    ],
)
def test_unusable_checkpoints_are_refused_by_name(folder, teacher, data, tmp_path, damage, message):
    broken = tmp_path / "broken"
    shutil.copytree(folder / "backbone", broken)
    damage(broken)
    with pytest.raises(BundleError, match=message):
        made("finetune", tmp_path / "out", {"data": data}, model=str(broken), max_length=32)
    assert not (tmp_path / "out").exists()


def test_missing_model_says_what_a_reference_is(data, tmp_path):
    with pytest.raises(BundleError, match="minilm-l6"):
        made("finetune", tmp_path / "out", {"data": data}, model="no/such/place")


def test_more_tokens_than_positions_are_refused(folder, teacher, data, tmp_path):
    with pytest.raises(BundleError, match="64 positions"):
        made("finetune", tmp_path / "out", {"data": data}, model=str(folder / "backbone"), max_length=128)


def test_hub_names_are_found_in_the_hub_cache(folder, teacher, data, tmp_path, monkeypatch):
    """The layout of the hub's own cache, so that its client finds the model without a network."""
    revision = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub" / "models--someone--small-bert"
    shutil.copytree(folder / "backbone", place / "snapshots" / revision)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    fields = {"max_length": 32, "epochs": 1, "seed": 3}
    for number, name in enumerate(("someone/small-bert", "someone/small-bert@main", f"someone/small-bert@{revision}")):
        made("finetune", tmp_path / f"hub-{number}", {"data": data}, model=f"hf:{name}", **fields)
    made("finetune", tmp_path / "local", {"data": data}, model=str(folder / "backbone"), **fields)
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("hub-0", "hub-1", "hub-2", "local")]
    assert len(set(weights)) == 1


def test_hub_names_that_cannot_be_fetched_say_so(data, tmp_path):
    with pytest.raises(BundleError, match="cannot be fetched"):
        made("finetune", tmp_path / "out", {"data": data}, model="hf:nobody/nothing@main")


def test_precision_may_differ_from_run_to_run(folder, teacher, data, tmp_path):
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 1}
    losses = [
        made("finetune", tmp_path / p, {"data": data}, precision=p, **fields).facts["history"][0]["loss"]
        for p in ("fp32", "bf16")
    ]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_half_precision_of_gpus_is_refused_on_a_cpu(data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RecipeError, match=r"finetune\.precision: .*fp16 needs a GPU.*bf16"):
        made("finetune", tmp_path / "t", {"data": data}, precision="fp16")


def test_batches_cut_by_tokens_train_as_whole_ones_do(folder, data, tmp_path):
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 1, "dropout": False}
    for tokens in (64, 8192):
        made("finetune", tmp_path / str(tokens), {"data": data}, part_tokens=tokens, **fields)
    whole, cut = (limbeck.open_bundle(tmp_path / name) for name in ("8192", "64"))
    assert cut.facts["history"][0]["loss"] == pytest.approx(whole.facts["history"][0]["loss"], rel=1e-5)
    assert cut.file("model.safetensors").read_bytes() != whole.file("model.safetensors").read_bytes()  # rounding


def test_curves_for_tensorboard(folder, teacher, data, tmp_path):
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 1, "tracker": "tensorboard"}
    made("finetune", tmp_path / "t", {"data": data}, **fields)
    assert list((tmp_path / "tensorboard").rglob("events.out.tfevents.*"))


def test_replaced_head_is_new_even_if_it_has_as_many_labels(teacher, data, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(teacher.path, other)
    config = json.loads((other / "config.json").read_text())
    config["id2label"], config["label2id"] = {"0": "cat", "1": "dog"}, {"cat": 0, "dog": 1}
    (other / "config.json").write_text(json.dumps(config))
    fields = {"model": str(other), "max_length": 32, "epochs": 1, "learning_rate": 1e-9, "replace_head": True}
    replaced = made("finetune", tmp_path / "replaced", {"data": data}, **fields)
    old, new = (
        AutoModelForSequenceClassification.from_pretrained(b.path).classifier.weight for b in (teacher, replaced)
    )
    assert (old - new).abs().max() > 1e-3


def test_checkpoint_that_lacks_layers_is_refused(folder, teacher, data, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(folder / "backbone", broken)
    weights = load_file(broken / "model.safetensors")
    kept = {name: value for name, value in weights.items() if ".layer.2." not in name}
    save_file(kept, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BundleError, match=r"no usable weights for .*layer\.2"):
        made("finetune", tmp_path / "out", {"data": data}, model=str(broken), max_length=32)


def test_another_length_is_another_teacher_to_what_follows(teacher, data, tmp_path):
    fields = {"model": str(teacher.path)}
    longer, shorter = (made("finetune", tmp_path / str(n), {"data": data}, max_length=n, **fields) for n in (32, 16))
    assert (longer.path / "model.safetensors").read_bytes() == (shorter.path / "model.safetensors").read_bytes()
    assert longer.digest != shorter.digest


def test_model_without_a_tokenizer_is_refused(folder, teacher, data, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(folder / "backbone", broken)
    (broken / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match=r"no tokenizer; it needs tokenizer\.json"):
        made("finetune", tmp_path / "out", {"data": data}, model=str(broken), max_length=32)


def test_stock_tokenizer_reads_as_ours_does(teacher):
    stock, ours = AutoTokenizer.from_pretrained(teacher.path), open_encoder(teacher)
    texts = ["GOOD Film", "héllo wörld", "a"]
    assert stock(texts)["input_ids"] == [e.ids.tolist() for e in ours.texts(texts)]
    assert stock.model_max_length == 64

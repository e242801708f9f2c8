"""Whole runs by the command: the same seed gives the same, an old checkpoint serves, odd things stand in the report."""

import hashlib
import json
from html import unescape

import pytest
import torch
import transformers
from typer.testing import CliRunner

import limbeck
from limbeck.cli.app import app
from limbeck.core.journal import Journal
from tests import models
from tests.makers import tiny_tokenizer

FIELDS = [
    "finetune.max_length=16",
    "finetune.epochs=1",
    "finetune.learning_rate=3e-3",
    "distil.phases[0].epochs=1",
    "distil.phases[1].epochs=1",
    "evaluate.draws=100",
    "benchmark.texts=10",
    "benchmark.rounds=2",
    "quantize.min_agreement=0",
    "quantize.max_drop=1",
]
TIMED = ("ms", "sentences/s", "ratio")


def limbeck_(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def compress(rows, out, *flags):
    settings = [part for field in FIELDS for part in ("--set", field)]
    limbeck_("compress", rows, "--out", out, *flags, *settings)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def rows(folder):
    return models.reviews(folder / "reviews.csv")


@pytest.fixture(scope="module")
def old(folder):
    """What a training of years ago left: the weights of a network that ran on several devices."""
    (folder / "old").mkdir()
    tokenizer = tiny_tokenizer()
    size = models.config("bert", vocabulary=tokenizer.get_vocab_size(), layers=2)
    size.save_pretrained(folder / "old")
    tokenizer.save(str(folder / "old" / "tokenizer.json"))
    torch.manual_seed(0)
    weights = transformers.AutoModelForMaskedLM.from_config(size).state_dict()
    torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, folder / "old.pth")
    limbeck_("import", folder / "old.pth", "--config", folder / "old", "--out", folder / "imported",
             "--set", "max_length=16")  # fmt: skip
    return folder / "imported"


@pytest.fixture(scope="module")
def first(folder, rows, old):
    """A run that begins from the old checkpoint."""
    return compress(rows, folder / "first", "--teacher", old)


def made(out):
    """The bytes of all models, and every number but those that are of time."""
    files = ("teacher/model.safetensors", "student/model.safetensors", "bundle/model.onnx")
    measured = json.loads((out / "measurements.json").read_text())
    return (
        {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in files},
        [row for row in measured if row["unit"] not in TIMED],
    )


def test_two_runs_of_one_seed_are_the_same(folder, rows, old, first):
    again = compress(rows, folder / "again", "--teacher", old)
    files, numbers = made(first)
    assert made(again) == (files, numbers)
    assert {row["metric"] for row in numbers} >= {"accuracy", "macro_f1", "size_bytes", "parameters"}


@pytest.mark.slow
def test_another_seed_is_another_run(folder, rows, old, first):
    other = compress(rows, folder / "other", "--teacher", old, "--seed", "1")
    assert not {*made(first)[0].values()} & {*made(other)[0].values()}


def test_a_model_from_an_old_checkpoint_is_a_teacher(first):
    bundle = limbeck.open_bundle(first / "teacher")
    assert bundle.manifest["step"]["model"].endswith("imported")
    [answer] = limbeck.load(first / "bundle").predict(["the good film"])
    assert answer["label"] in ("positive", "negative")


def test_a_student_begins_from_an_old_checkpoint(folder, rows, old, first):
    limbeck_("distil", "--teacher", first / "teacher", "--data", first / "steps" / "data", "--student", old,
             "--out", folder / "student", "--set", "phases=[{objectives: [soft_targets], epochs: 1}]")  # fmt: skip
    student = limbeck.open_bundle(folder / "student")
    assert student.facts["dims"]["layers"] == limbeck.open_bundle(old).facts["dims"]["layers"]
    measured = limbeck.evaluate(
        student=student, data=first / "steps" / "data", out=folder / "e", log=Journal(quiet=True)
    )
    assert measured.facts["n"] > 0


def test_what_is_odd_about_the_rows_stands_in_the_report(folder, rows, old):
    text = rows.read_text()
    _, *lines = text.splitlines()
    long = "the film is " * 9 + "good,positive\n"
    files = {"train": text + lines[0] + "\n" + long + "lone,rare\n", "dev": text + long, "test": text + 2 * long}
    for role, content in files.items():
        head = "" if content.startswith("text,label") else "text,label\n"
        (folder / f"{role}.csv").write_text(head + content)
    flags = [part for role in ("dev", "test") for part in (f"--{role}", folder / f"{role}.csv")]
    out = compress(folder / "train.csv", folder / "odd", "--teacher", old, *flags)
    page = unescape((out / "report.html").read_text(encoding="utf-8"))
    for warning in (
        "rows repeat an earlier one",
        "rows stand in train too, so scores on test flatter",
        "train: 1 of 163 texts are longer than 16 tokens and are cut",
        "dev: 1 of 161 texts are longer than 16 tokens and are cut",
        "test: 2 of 162 texts are longer than 16 tokens and are cut (teacher, student, bundle)",
        "fewer than 10 examples of 'rare' (1)",
    ):
        assert warning in page
    told = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert sum("are cut" in event.get("text", "") for event in told if event["event"] == "warning") == 5

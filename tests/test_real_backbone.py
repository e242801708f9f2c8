"""The main job on the real 6-layer backbone and real sentences. Slow: minutes."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import limbeck
from limbeck.core.journal import Journal
from limbeck.core.measurement import find
from limbeck.pipeline import demo
from limbeck.text.docstrings import write_demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    torch.set_num_threads(2)
    # A fifth of the demo's rows: one pass over them is too little for a student, and of 200 dev rows two are a point.
    passes, gate = ("distil.phases[0].epochs=4", "distil.phases[1].epochs=3"), ("min_agreement=0.9", "max_drop=0.03")
    settings = [*passes, *(f"quantize.{field}" for field in gate)]
    return demo(tmp_path_factory.mktemp("demo") / "run", 2000, settings, Journal())


def test_teacher_beats_chance_and_student_follows(run):
    teacher, student, bundle = (
        find(run.measurements, role, "accuracy").value for role in ("teacher", "student", "bundle")
    )
    assert teacher > 0.5  # eight balanced classes: chance is 0.125
    assert student > 0.9 * teacher
    assert abs(bundle - student) < 0.04


def test_bundle_is_small_and_fast(run):
    size, whole = (find(run.measurements, role, "size_bytes").value for role in ("bundle", "teacher"))
    assert size < 0.2 * whole
    assert size < 17 * 2**20


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_stock_classes_give_the_same_logits(run, role):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from limbeck.engine.score import open_scorer
    from limbeck.text.port import Example

    texts = ["Return the sum of an array.", "Plot a line."]
    folder = run.out / role
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokens = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        stock = network(**tokens).logits
    ours = open_scorer(limbeck.open_bundle(folder)).logits([Example(t) for t in texts])
    torch.testing.assert_close(torch.tensor([x[0].tolist() for x in ours]), stock, rtol=1e-4, atol=1e-5)


def test_predicts_from_the_command_line(run):
    command = [sys.executable, "-m", "limbeck", "predict", str(run.out / "bundle"), "--json", "Draw a histogram of x."]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert answer["label"] in limbeck.open_bundle(run.out / "bundle").labels


def test_tags_on_the_real_backbone(tmp_path):
    """Which words of a docstring are names of code? A toy of a tag set, on the real model."""
    train, dev, test = write_demo(tmp_path / "rows", rows=2400)
    for path in (train, dev, test):
        _as_tags(path)
    result = limbeck.compress(
        train.with_suffix(".conll"),
        tmp_path / "run",
        dev=train.with_name("dev.conll"),
        test=train.with_name("test.conll"),
        settings=[
            *("finetune.epochs=3", "distil.phases[0].epochs=2"),
            *("distil.phases[1].epochs=1", "quantize.min_agreement=0.9", "quantize.max_drop=0.03"),
        ],
        log=Journal(quiet=True),
    )
    teacher, student = (find(result.measurements, role, "entity_f1").value for role in ("teacher", "student"))
    assert teacher > 0.8
    assert student > 0.9 * teacher


def _as_tags(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"].split() for row in csv.DictReader(file)]
    tagged = [[(w, "B-CODE" if "_" in w or w.endswith("()") or w[:1].isdigit() else "O") for w in t] for t in texts]
    sentences = ["".join(f"{w} {t}\n" for w, t in sentence) for sentence in tagged]
    path.with_suffix(".conll").write_text("\n".join(sentences), encoding="utf-8")

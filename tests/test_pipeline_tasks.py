"""The main job on every kind of task: rows in, a small verified model out, which stock classes open."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import limbeck
from limbeck.core.errors import DataError
from limbeck.core.journal import Journal
from limbeck.core.measurement import Measurement, find
from limbeck.pipeline import Result
from limbeck.text.examples import read_examples
from tests import models
from tests.test_pipeline import STEPS, compress

pytestmark = pytest.mark.slow

KINDS = ("text_regression", "multi_label")
LEARN = ("finetune.epochs=12", "distil.phases[0].epochs=4", "distil.phases[1].epochs=2")


@dataclass
class Made:
    """A run with what went in."""

    rows: Any
    result: Result
    kind: str

    def measured(self, role: str, metric: str) -> Measurement | None:
        return find(self.result.measurements, role, metric)


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory):
    """A run of each kind on a BERT of four layers."""
    folder = tmp_path_factory.mktemp(request.param)
    make = {"text_regression": models.similarities, "multi_label": models.places}[request.param]
    rows = make(folder / ("rows.csv" if request.param == "text_regression" else "rows.jsonl"), 400)
    return Made(rows, compress(rows, folder / "out", models.backbone(folder / "backbone"), LEARN), request.param)


def test_every_step_is_done_and_the_task_was_detected(run):
    assert run.result.ran == STEPS
    assert run.result.bundles["prepare"].facts["task"]["kind"] == run.kind


def test_all_models_learn_and_are_measured(run):
    primary = run.result.bundles["evaluate"].facts["primary"]
    scores = {role: run.measured(role, primary) for role in ("teacher", "student", "bundle")}
    assert scores["teacher"].value > 0.8
    assert scores["student"].value > 0.7
    assert abs(scores["bundle"].value - scores["student"].value) < 0.1
    assert all(m.low <= m.value <= m.high for m in scores.values())
    assert run.measured("student", "retention").value > 0.8
    assert run.measured("bundle", "agreement_with_student").value > 0.9
    assert (run.measured("bundle", "mcnemar_p_against_student") is None) is (run.kind == "text_regression")


def test_table_card_and_report_speak_of_the_task(run):
    name = {"text_regression": "Pearson", "multi_label": "micro F1"}[run.kind]
    assert name in run.result.table()
    card = (run.result.out / "bundle" / "README.md").read_text()
    assert name in card
    assert "pipeline_tag: text-classification" in card
    page = (run.result.out / "report.html").read_text()
    assert ('id="estimates"' in page) is (run.kind == "text_regression")
    assert ('id="classes"' in page) is ('id="lost"' in page) is (run.kind == "multi_label")
    assert 'id="confusion"' not in page
    assert 'id="confidence"' not in page
    assert run.result.bundles["quantize"].facts["gate"]["agreement"] > 0.9
    told = {"text_regression": "the concordance of the answers is", "multi_label": "% of the labels given are"}
    assert told[run.kind] in page


def test_stock_classes_open_the_student_and_give_the_same(run):
    student = run.result.out / "student"
    network, found = AutoModelForSequenceClassification.from_pretrained(student, output_loading_info=True)
    assert not found["missing_keys"]
    problem = {"text_regression": "regression", "multi_label": "multi_label_classification"}[run.kind]
    assert network.config.problem_type == problem
    labels = {"text_regression": ["value"], "multi_label": ["anna", "lima", "oslo"]}[run.kind]
    assert list(network.config.id2label.values()) == labels
    text = ("good film oslo", "good film the") if run.kind == "text_regression" else ("anna visited oslo",)
    logits = network.eval()(**AutoTokenizer.from_pretrained(student)(*text, return_tensors="pt")).logits[0]
    [answer] = limbeck.load(run.result.bundles["export"].path).predict([text if len(text) > 1 else text[0]])
    if run.kind == "text_regression":
        assert answer["value"] == pytest.approx(logits.item(), abs=1e-4)
    else:
        assert [answer["probabilities"][name] for name in labels] == pytest.approx(logits.sigmoid().tolist(), abs=1e-4)


def test_bundle_answers_what_was_asked(run):
    model = limbeck.load(run.result.out / "bundle")
    if run.kind == "text_regression":
        low, high = model.predict([("good film oslo", "the a very"), ("good film oslo", "good film oslo")])
        assert low.keys() == {"value"}
        assert low["value"] + 1 < high["value"]
    else:
        none, two = model.predict(["the visited in", "anna visited oslo"])
        assert two["labels"] == [name for name, p in two["probabilities"].items() if p >= 0.5]
        assert {"anna", "oslo"} <= set(two["labels"])
        assert none["probabilities"]["anna"] < 0.5 < two["probabilities"]["anna"]


def test_a_teacher_of_the_kind_is_not_trained_again(run, tmp_path):
    again = compress(run.rows, tmp_path / "again", run.result.out / "teacher", LEARN)
    assert again.bundles["finetune"].facts["history"] == []
    assert find(again.measurements, "teacher", "retention").value == 1
    before, after = (r.bundles["evaluate"].file("predictions/teacher.npz") for r in (run.result, again))
    assert np.load(before)["probabilities"] == pytest.approx(np.load(after)["probabilities"], abs=1e-5)


def test_a_teacher_of_another_kind_is_refused(run, tmp_path):
    teacher = run.result.out / "teacher"
    with pytest.raises(limbeck.LimbeckError, match=r"its head answers with .*; the data has one of"):
        compress(models.reviews(tmp_path / "r.csv"), tmp_path / "out", teacher)


def test_empty_lists_are_labels_and_absent_ones_are_not(tmp_path):
    rows = models.places(tmp_path / "rows.jsonl")
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    empty = sum(not line["labels"] for line in lines)
    rows.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *({"text": f"lima {i}"} for i in range(30))]))
    data = limbeck.prepare(train=rows, out=tmp_path / "data", log=Journal(quiet=True))
    found = [e.target for split in ("train", "dev", "test") for e in read_examples(data, split)]
    assert empty
    assert (found.count([]), found.count(None)) == (empty, 30)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,score\na,1.5\nb,x\n", r"rows.csv:3:2: 'x' is no number"),
        ("text,score\na,nan\nb,1e999\n", r"rows.csv:2:2: 'nan' is no number\n.*rows.csv:3:2: '1e999' is too large"),
        ("text,score\na,1_000\nb,inf\n", r"'1_000' is no number\n.*'inf' is no number"),
        ("text,score\n" + "".join(f"a{i},2\n" for i in range(60)), "holds nothing but '2'"),
        ("text,score\n" + "".join(f"a{i},\n" for i in range(60)), "no label in any row"),
    ],
)
def test_wrong_values_are_refused_with_their_places(tmp_path, content, message):
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        compress(tmp_path / "rows.csv", tmp_path / "out", "minilm-l6", task="text_regression")

"""Students: cut, taught, saved."""

import re

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from limbeck.core.bundle import open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.journal import Journal
from limbeck.objectives import AttentionScores, Labels, SoftTargets
from limbeck.pipeline import run_stage
from limbeck.stages.distil import Phase, Spec
from tests import models
from tests.stages.conftest import made
from tests.stages.test_finetune import score

FAST = [{"objectives": ["soft_targets", "hidden_states", "attention_scores"], "epochs": 3, "learning_rate": 2e-3}]


def test_student_learns_from_its_teacher(teacher, data, tmp_path):
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, student="2x24", phases=FAST)
    assert student.facts["dims"]["layers"] == 2
    assert score(student, data) >= score(teacher, data) - 0.1
    stock = AutoModelForSequenceClassification.from_pretrained(student.path)
    assert stock.config.num_hidden_layers == 2


def test_narrow_student_with_the_default_objectives(teacher, data, tmp_path):
    phases = [{**p.model_dump(mode="json"), "learning_rate": 3e-3, "epochs": 5} for p in Spec().phases]
    fields = {"student": "layers=2,hidden=12,heads=2", "phases": phases}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    phases = [h["phase"] for h in student.facts["history"]]
    assert phases == sorted(phases)
    assert len(set(phases)) == 2
    assert score(student, data) > 0.6


def test_without_a_rate_it_goes_by_the_width_of_the_student(teacher, data, tmp_path):
    phases = [{"objectives": ["labels"], "epochs": 1}, {"objectives": ["labels"], "epochs": 1, "learning_rate": 1e-3}]
    fields = {"student": "layers=1,hidden=12,heads=2", "phases": phases}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert [h["learning_rate"] for h in student.facts["history"]] == [5e-5 * 768 / 12, 1e-3]


def test_tagger(tagger, tags, tmp_path):
    student = made("distil", tmp_path / "s", {"teacher": tagger, "data": tags}, student="half", phases=FAST)
    assert score(student, tags) > 0.8
    assert AutoModelForTokenClassification.from_pretrained(student.path).config.n_layers == 2


def test_online_teacher_gives_the_same_student_as_the_cache(teacher, data, tmp_path):
    inputs = {"teacher": teacher, "data": data}
    fields = {"student": "2x24", "phases": FAST, "cache_dtype": "float32"}
    cached = made("distil", tmp_path / "a" / "s", inputs, **fields)
    online = made("distil", tmp_path / "b" / "s", inputs, cache_gb=0, **fields)
    assert (tmp_path / "a" / "cache").exists()
    assert not (tmp_path / "b" / "cache").exists()
    losses = [[h["loss"] for h in b.facts["history"]] for b in (cached, online)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_where_not_all_fits_answers_are_on_disk_and_the_teacher_runs_for_the_rest(teacher, data, tmp_path):
    phases = [{**FAST[0], "epochs": 1}, {"objectives": ["soft_targets"], "epochs": 1, "learning_rate": 2e-3}]
    fields = {"student": "2x24", "phases": phases, "cache_dtype": "float32"}
    inputs = {"teacher": teacher, "data": data}
    whole = made("distil", tmp_path / "a" / "s", inputs, **fields)
    partly = made("distil", tmp_path / "b" / "s", inputs, cache_gb=5e-6, **fields)
    assert [file.name for file in (tmp_path / "b" / "cache").rglob("*.bin")] == ["logits.bin"]
    losses = [[h["loss"] for h in b.facts["history"]] for b in (whole, partly)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_students_begin_with_the_layers_and_features_that_are_named(teacher, data, tmp_path):
    inputs, once = {"teacher": teacher, "data": data}, {"objectives": ["labels"], "epochs": 1, "learning_rate": 1e-12}
    whole = AutoModelForSequenceClassification.from_pretrained(teacher.path).bert.encoder.layer
    deep = made("distil", tmp_path / "a" / "s", inputs, student="3x24", layers="spaced", **once)
    taken = AutoModelForSequenceClassification.from_pretrained(deep.path).bert.encoder.layer
    for part, of in zip(taken, (whole[0], whole[2], whole[3]), strict=True):
        torch.testing.assert_close(part.state_dict(), of.state_dict())
    thin = made("distil", tmp_path / "b" / "s", inputs, student="2x12", layers=[2, 4], width="prefix", **once)
    table = AutoModelForSequenceClassification.from_pretrained(thin.path).bert.embeddings.word_embeddings
    of = AutoModelForSequenceClassification.from_pretrained(teacher.path).bert.embeddings.word_embeddings
    torch.testing.assert_close(table.weight, of.weight[:, :12])


def test_costs_are_told_and_remembered(teacher, data, tmp_path, capsys):
    fields = {"student": "2x12", "objectives": ["labels"], "epochs": 1}
    run_stage("distil", {"teacher": teacher, "data": data}, fields, tmp_path / "s", (), Journal())
    told = " ".join("".join(capsys.readouterr()).split())
    student = open_bundle(tmp_path / "s")
    cost = student.facts["cost"]
    assert cost["parameters"] == student.facts["dims"]["parameters"] < cost["teacher_parameters"]
    tokens = cost["tokens"]
    wanted = 2 * (2 * (4 * 12**2 + 2 * 12 * 48) * tokens + 4 * 12 * tokens**2)
    assert cost["flops"] == pytest.approx(wanted, rel=0.02)
    assert cost["flops"] < cost["teacher_flops"]
    assert "features by pca" in told
    assert "GFLOPs" in told


def test_objectives_without_phases_make_one_phase(teacher, data, tmp_path):
    fields = {"objectives": [SoftTargets(temperature=1), Labels()], "epochs": 1, "student": "half"}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert len(student.facts["history"]) == 1
    assert set(student.facts["history"][0]["terms"]) == {"soft_targets", "labels"}


def test_weights_and_layers_follow_the_phase(teacher, data, tmp_path):
    late = {"kind": "labels", "weight": {"from": 0, "to": 1, "shape": "constant", "over": 0.5}}
    drawn = {"kind": "hidden_states", "layers": "random"}
    fields = {"objectives": [late, drawn], "epochs": 4, "batch_size": 16, "student": "half"}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    labels = [epoch["terms"]["labels"] for epoch in student.facts["history"]]
    assert labels[:2] == [0, 0]
    assert min(labels[2:]) > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"student": "5x24"}, "layers=5.*layers=4"),
        ({"student": "2x48"}, "hidden=48"),
        ({"student": "big"}, "is no shape"),
        ({"student": "layers=2,hidden=20,heads=3"}, "does not divide"),
        ({"student": "layers=2,heads=2,hidden=12", "objectives": [AttentionScores()]}, "heads=4"),
        ({"layers": [1, 3, 4]}, r"distil.layers: \[1, 3, 4\] are not 2 .*teacher's 4; .*spaced \(\[1, 4\]\)"),
        ({"layers": [1, 5]}, r"give 2 from 1 to 4"),
        ({"layers": [3, 1]}, r"layers: the teacher's layers are to ascend"),
        ({"layers": "every"}, r"layers: give one of lower, spaced, last, or"),
        ({"width": "svd"}, r"width.*'importance', 'prefix' or 'pca'"),
        ({"objectives": ["soft_target"]}, "soft_targets"),
        ({"objectives": [{"kind": "soft_targets", "temprature": 3}]}, "temperature"),
        ({"objectives": ["labels"], "phases": FAST * 2}, r"belongs to a phase, and there are 2; write phases\[0\]"),
        ({"epochs": 2, "phases": "one"}, "phases: "),
        ({"objectives": [{"kind": "attention_relations", "relation_heads": 7}]}, "those that do are 1, 2"),
        ({"objectives": ["dist"]}, "dist: .* 2 classes; use soft_targets or logit_mse"),
        ({"student": "3x24", "objectives": ["patient"]}, r"patient.layers: 3 student .* but `ordered`, `lower`"),
        ({"objectives": [{"kind": "labels", "weight": {"from": 1}}]}, r"objectives\[0\].weight.to: this field"),
        ({"objectives": [{"kind": "patient", "layers": "skipp"}]}, r"objectives\[0\].layers: give one of uniform"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(teacher, data, tmp_path, fields, message):
    with pytest.raises(RecipeError, match=message):
        made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("phase", [FAST[0], Phase.model_validate(FAST[0])])
def test_a_field_of_the_only_phase_may_stand_beside_it(phase):
    spec = Spec.model_validate({"phases": [phase], "epochs": 1})
    (only,) = spec.phases
    assert (only.epochs, only.learning_rate) == (1, 2e-3)
    assert len(only.objectives) == 3


def test_teacher_of_other_labels_is_refused(tagger, data, tmp_path):
    with pytest.raises(BundleError, match=r"B-LOC.*negative, positive"):
        made("distil", tmp_path / "s", {"teacher": tagger, "data": data})


def test_unlabelled_rows_teach_the_student(teacher, tmp_path):
    lines = models.reviews(tmp_path / "reviews.csv").read_text().splitlines()
    blank = [line.partition(",")[0] + "," if number > 40 else line for number, line in enumerate(lines)]
    (tmp_path / "few.csv").write_text("\n".join(blank) + "\n")
    rows = {
        split: str(models.reviews(tmp_path / f"{split}.csv", 40, seed=n)) for n, split in enumerate(("dev", "test"), 7)
    }
    few = made("prepare", tmp_path / "data", train=str(tmp_path / "few.csv"), **rows)
    assert few.facts["counts"]["unlabelled"] == 120
    fields = {"student": "half", "objectives": ["soft_targets", "labels"], "epochs": 1, "batch_size": 16}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": few}, **fields)
    assert student.facts["history"][0]["terms"]["soft_targets"] > 0


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"accumulate": 4}, "similarity compare the rows .* run in up to 4 parts .* as few as 4; raise part_tokens"),
        ({"part_tokens": 64}, r"run in up to [34] parts .* as few as [45];"),
        ({}, ""),
        ({"accumulate": 4, "objectives": ["soft_targets"]}, ""),
    ],
    ids=str,
)
def test_parts_within_which_rows_are_compared_are_warned_of_once(teacher, data, tmp_path, fields, told):
    fields = {"objectives": ["similarity"], "epochs": 2, "batch_size": 16, "student": "2x24", **fields}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    found = [warning for warning in student.facts["warnings"] if "with one another" in warning]
    assert len(found) == bool(told)
    assert re.search(told, " ".join(found))

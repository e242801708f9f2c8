"""Guards in real runs: what is odd is told, recorded, kept in the Bundle and handed on; what is right is not."""

import pytest
import torch

from limbeck.core.bundle import Bundle
from limbeck.core.errors import LimbeckError, TrainingError
from limbeck.core.journal import Journal, read_events
from limbeck.engine.exam import TaskExam
from limbeck.engine.teacher_cache import OnlineTeacher
from limbeck.pipeline import run_stage
from tests import models
from tests.stages.conftest import made
from tests.stages.test_finetune import score

TRAINED = {"max_length": 32, "epochs": 3, "learning_rate": 3e-3, "batch_size": 16}
COPY = {"student": "half", "objectives": ["soft_targets"], "batch_size": 16}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("guards")


@pytest.fixture(scope="module")
def backbone(place) -> str:
    return str(models.backbone(place / "backbone"))


@pytest.fixture(scope="module")
def noise(place) -> Bundle:
    """Reviews whose labels belong to other reviews."""
    return made("prepare", place / "noise", train=str(models.shuffled(place / "noise.csv", 240)))


@pytest.fixture(scope="module")
def guesser(place, noise, backbone) -> Bundle:
    """A teacher with nothing to learn."""
    return made("finetune", place / "guesser", {"data": noise}, model=backbone, **TRAINED)


def similar(place, **splits) -> Bundle:
    """Pairs of texts with a score."""
    return made("prepare", place / "data", train=str(models.similarities(place / "similar.csv")), **splits)


def told(bundle: Bundle, text: str) -> list[str]:
    return [line for line in bundle.facts["warnings"] if text in line]


def test_sound_teachers_and_students_are_not_warned_of(teacher, tagger, data, tmp_path):
    assert teacher.facts["warnings"] == tagger.facts["warnings"] == []
    fields = {"student": "half", "objectives": ["soft_targets", "hidden_states"], "epochs": 4, "learning_rate": 1e-3}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert student.facts["warnings"] == []


def test_teacher_of_shuffled_labels(guesser, noise, tmp_path):
    assert told(guesser, "the fine-tuned model is right on")
    student = made("distil", tmp_path / "s", {"teacher": guesser, "data": noise}, epochs=1, **COPY)
    assert told(student, "the teacher is right on")
    assert told(student, "mend the teacher first")


def test_warnings_are_in_the_log_and_go_with_the_model(guesser, noise, tmp_path):
    inputs, log = {"teacher": guesser, "data": noise}, Journal(tmp_path / "log.jsonl", quiet=True)
    student = run_stage("distil", inputs, {"epochs": 1, **COPY}, tmp_path / "s", (), log)
    recorded = [e["text"] for e in read_events(tmp_path / "log.jsonl") if e["event"] == "warning"]
    assert student.facts["warnings"] == recorded != []
    onnx = made("export", tmp_path / "onnx", {"model": student})
    assert onnx.facts["warnings"] == recorded
    int8 = made("quantize", tmp_path / "int8", {"model": onnx, "data": noise}, min_agreement=1, max_drop=0, force=True)
    assert int8.facts["warnings"][: len(recorded)] == recorded
    assert bool(told(int8, "int8: ")) is not int8.facts["gate"]["passed"]


def test_student_of_a_good_teacher_that_never_learns(teacher, data, tmp_path):
    """All but one layer and half the width are gone, and a rate of nothing brings none of it back."""
    fields = {**COPY, "student": "layers=1,hidden=12,heads=2", "epochs": 3, "learning_rate": 1e-12}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert told(student, "it is too small, or was trained too briefly")
    assert told(student, "after each of 3 epochs")


def test_teacher_that_was_stopped_too_early(place, data, backbone, tmp_path):
    early = made("finetune", tmp_path / "early", {"data": data}, model=backbone, **{**TRAINED, "learning_rate": 1e-7})
    fields = {"student": "4x24", "objectives": ["labels"], "epochs": 10, "learning_rate": 3e-3, "batch_size": 16}
    student = made("distil", tmp_path / "s", {"teacher": early, "data": data}, **fields)
    (line,) = told(student, "better than its teacher")
    assert "dev accuracy" in line
    assert "under-trained" in line


def test_loss_that_is_gone_within_a_few_steps(teacher, data, tmp_path):
    """Toy reviews give the answer away by one word, which half of a teacher soon repeats."""
    fields = {**COPY, "objectives": [{"kind": "logit_mse"}], "epochs": 8, "learning_rate": 3e-3, "warmup_fraction": 0.0}
    student = made("distil", tmp_path / "student", {"teacher": teacher, "data": data}, **fields)
    assert told(student, "within 20 steps. Likely the texts give the answer away")


def test_answers_that_are_all_the_same_are_worse_than_any_score(backbone, tmp_path):
    data = similar(tmp_path)
    fields = {**TRAINED, "model": backbone, "epochs": 2, "learning_rate": [3e-3, 30.0]}
    teacher = made("finetune", tmp_path / "t", {"data": data}, **fields)
    scores = [h["dev"]["pearson"] for h in teacher.facts["history"]]
    assert scores[2:] == [None, None], "the second rate collapses"
    assert score(teacher, data) == max(s for s in scores if s is not None) == scores[1]
    (line,) = told(teacher, "undefined after 2 of 4 epochs (first after finetune 30.0, epoch 1)")
    assert "gives one answer to all" in line


def test_a_dev_split_of_equal_values_chooses_nothing(backbone, tmp_path):
    lines = models.similarities(tmp_path / "varied.csv", 20, seed=1).read_text().splitlines()
    same = [lines[0], *(line.rpartition(",")[0] + ",1.5" for line in lines[1:])]
    (tmp_path / "same.csv").write_text("\n".join(same) + "\n")
    data = similar(tmp_path, dev=str(tmp_path / "same.csv"))
    teacher = made("finetune", tmp_path / "t", {"data": data}, model=backbone, **{**TRAINED, "epochs": 2})
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, epochs=1, **COPY)
    onnx = made("export", tmp_path / "onnx", {"model": student})
    int8 = made("quantize", tmp_path / "int8", {"model": onnx, "data": data}, min_agreement=0.5)
    for bundle in (teacher, student):
        assert {h["dev"]["pearson"] for h in bundle.facts["history"]} == {None}
        assert len(bundle.facts["warnings"]) == len(told(bundle, "undefined after every epoch")) == 1
    assert int8.facts["gate"]["drop"] is None
    assert int8.facts["gate"]["passed"]


def test_a_loss_that_is_no_number_says_where_and_what_to_do(data, backbone, tmp_path):
    fields = {**TRAINED, "learning_rate": 1e30, "clip_norm": 1e30}
    with pytest.raises(
        LimbeckError,
        match=r"finetune, epoch 1, step \d+ \(training rows .*\): the loss is (nan|inf) \(labels (nan|inf)\).*1e\+30",
    ):
        made("finetune", tmp_path / "t", {"data": data}, model=backbone, **fields)


@pytest.mark.parametrize("cache_gb", [0.0, 4.0], ids=["each step", "cached"])
def test_memory_that_is_too_short_for_a_teacher_says_what_to_lower(teacher, data, tmp_path, cache_gb, monkeypatch):
    def short(self, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(OnlineTeacher, "outputs", short)
    place = "teacher outputs" if cache_gb else r"distil 1, epoch 1, step 1, the teacher"
    with pytest.raises(TrainingError, match=rf"{place}: memory is short.* max_length to less"):
        made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, epochs=1, cache_gb=cache_gb, **COPY)


def test_memory_that_is_too_short_for_an_exam_says_what_to_lower(teacher, data, tmp_path, monkeypatch):
    def short(self):
        raise MemoryError

    monkeypatch.setattr(TaskExam, "scores", short)
    with pytest.raises(TrainingError, match=r"distil 1, scores on dev: memory is short\. Set max_length to less"):
        made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, epochs=1, **COPY)

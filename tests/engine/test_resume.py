"""A training that was ended and went on gives, bit for bit, what one gives that ran through."""

import hashlib

import pytest

from limbeck.core.bundle import Bundle
from limbeck.core.journal import Journal, read_events
from limbeck.engine import processes
from limbeck.engine.checkpoints import Checkpoints
from limbeck.engine.run import Run
from limbeck.engine.step import Step
from limbeck.pipeline import run_stage
from tests import models

TRAINING = {"batch_size": 16, "learning_rate": 3e-3, "dropout": True}
FINETUNE = {"max_length": 16, "epochs": 2, **TRAINING}
INSIDE = {
    "objectives": [
        {"kind": "soft_targets", "weight": {"from": 1, "to": 0.2}, "temperature": {"from": 4, "to": 1}},
        {"kind": "hidden_states", "layers": "random"},
        "attention_relations",
    ],
    "epochs": 2,
    "accumulate": 2,
    **TRAINING,
}
OUTPUTS = {"objectives": ["soft_targets", "labels"], "epochs": 1, **TRAINING}
DISTIL = {"student": "2x12", "phases": [INSIDE, OUTPUTS]}
STEPS = 5
"""Of an epoch: 65 training rows in batches of 16."""


class Crash(BaseException):
    """What no part of the product catches."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("resume")


@pytest.fixture(scope="module")
def data(folder) -> Bundle:
    rows = {"train": str(models.reviews(folder / "r.csv", 82)), "min_rows": 1}
    return run_stage("prepare", {}, rows, folder / "data", (), Journal(quiet=True))


@pytest.fixture(scope="module")
def backbone(folder) -> str:
    return str(models.backbone(folder / "bert", layers=3))


def made(stage, out, inputs, fields, **more) -> Bundle:
    log = Journal(quiet=True).recording(out.parent / "log.jsonl")
    return run_stage(stage, inputs, {**fields, "checkpoint_every": 0, **more}, out, (), log)


def ended_before(step, monkeypatch) -> None:
    """Let the process end before its n-th step."""
    run, done = Step.__call__, []

    def crash(self, parts):
        done.append(None)
        if len(done) == step:
            raise Crash
        return run(self, parts)

    monkeypatch.setattr(Step, "__call__", crash)


def told(bundle: Bundle) -> dict:
    """All that a training leaves but for times: weights, history, warnings, events since it last began anew."""
    events = [
        {k: v for k, v in e.items() if k not in ("time", "seconds", "digest")}
        for e in read_events(bundle.path.parent / "log.jsonl")
    ]
    events = events[max(place for place, event in enumerate(events) if event["event"] == "step") :]
    return {
        "weights": hashlib.sha256(bundle.file("model.safetensors").read_bytes()).hexdigest(),
        "history": [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in bundle.facts["history"]],
        "warnings": bundle.facts["warnings"],
        "events": events,
    }


@pytest.fixture(scope="module")
def teacher(folder, data, backbone) -> Bundle:
    (folder / "whole").mkdir()
    return made("finetune", folder / "whole" / "out", {"data": data}, FINETUNE, model=backbone)


@pytest.fixture(scope="module")
def student(folder, data, teacher) -> Bundle:
    (folder / "student").mkdir()
    return made("distil", folder / "student" / "out", {"data": data, "teacher": teacher}, DISTIL)


def again_and_again(steps, stage, out, inputs, fields, **more) -> Bundle:
    """The same command until it ends well, ended before each of some steps, counted from where it goes on."""
    for step in steps:
        with pytest.MonkeyPatch.context() as patch:
            ended_before(step, patch)
            with pytest.raises(Crash):
                made(stage, out, inputs, fields, **more)
        assert not out.exists()
    return made(stage, out, inputs, fields, **more)


@pytest.mark.parametrize("steps", [(1,), (2, 1, 3), (STEPS, 1), (2 * STEPS,)], ids=["first", "middle", "epoch", "last"])
def test_fine_tuning_goes_on_bit_for_bit(steps, teacher, data, backbone, tmp_path):
    resumed = again_and_again(steps, "finetune", tmp_path / "out", {"data": data}, FINETUNE, model=backbone)
    assert told(resumed) == told(teacher)
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("out", "log.jsonl")] == []


@pytest.mark.parametrize(
    "steps",
    [
        (STEPS + 3, STEPS - 2),
        *(pytest.param(steps, marks=pytest.mark.slow) for steps in ((1,), (2 * STEPS + 1, 1), (3 * STEPS,))),
    ],
    ids=["middle", "first", "phases", "last"],
)
def test_distilling_goes_on_bit_for_bit(steps, student, teacher, data, tmp_path):
    resumed = again_and_again(steps, "distil", tmp_path / "out", {"data": data, "teacher": teacher}, DISTIL)
    assert told(resumed) == told(student)


def test_a_checkpoint_of_other_processes_is_gone_on_from(student, teacher, data, tmp_path, monkeypatch):
    """Of what they left, only where the draws of dropout stood is of no use."""
    save = Run.save

    def as_of_two(self, phase, state):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(processes, "gathered", lambda value: [value, value])
            save(self, phase, state)

    monkeypatch.setattr(Run, "save", as_of_two)
    resumed = again_and_again((STEPS,), "distil", tmp_path / "out", {"data": data, "teacher": teacher}, DISTIL)
    assert told(resumed)["history"] != told(student)["history"]
    assert len(resumed.facts["history"]) == len(student.facts["history"])


def test_a_second_rate_goes_on_bit_for_bit(data, backbone, tmp_path):
    found = []
    for name, steps in {"whole": (), "parts": (STEPS, 1, 3)}.items():
        (tmp_path / name).mkdir()
        fields = {**FINETUNE, "epochs": 1, "learning_rate": [3e-3, 1e-3]}
        out = tmp_path / name / "out"
        found.append(told(again_and_again(steps, "finetune", out, {"data": data}, fields, model=backbone)))
    assert found[0] == found[1]


@pytest.mark.slow
def test_half_precision_goes_on_bit_for_bit(data, backbone, tmp_path):
    found = []
    for name, steps in {"whole": (), "parts": (3, STEPS)}.items():
        (tmp_path / name).mkdir()
        fields = {**FINETUNE, "precision": "bf16", "embeddings": "all"}
        out = tmp_path / name / "out"
        found.append(told(again_and_again(steps, "finetune", out, {"data": data}, fields, model=backbone)))
    assert found[0] == found[1]


def test_seconds_before_the_end_are_counted(data, backbone, tmp_path):
    save = Checkpoints.save

    def late(self, state, best, name):
        state["state"]["seconds"] += 1000
        state["log"]["seconds"] += 2000
        save(self, state, best, name)

    with pytest.MonkeyPatch.context() as patch:
        ended_before(4, patch)
        patch.setattr(Checkpoints, "save", late)
        with pytest.raises(Crash):
            made("finetune", tmp_path / "out", {"data": data}, FINETUNE, model=backbone)
    bundle = made("finetune", tmp_path / "out", {"data": data}, FINETUNE, model=backbone)
    assert 1000 < bundle.facts["history"][0]["seconds"] < 1100
    (done,) = [e for e in read_events(tmp_path / "log.jsonl") if e["event"] == "done"]
    assert 2000 < done["seconds"] < 2100


@pytest.mark.slow
def test_a_checkpoint_of_other_fields_is_not_gone_on_from(teacher, data, backbone, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        ended_before(4, patch)
        with pytest.raises(Crash):
            made("finetune", tmp_path / "out", {"data": data}, {**FINETUNE, "learning_rate": 1e-4}, model=backbone)
    bundle = made("finetune", tmp_path / "out", {"data": data}, FINETUNE, model=backbone)
    assert told(bundle)["weights"] == told(teacher)["weights"]

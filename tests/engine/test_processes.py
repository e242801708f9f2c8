"""Two processes that train together make what one makes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from limbeck.core.bundle import open_bundle
from limbeck.core.errors import LimbeckError
from limbeck.core.journal import Journal
from limbeck.engine import processes
from limbeck.pipeline import run_file
from tests import models
from tests.stages.test_pretrain import write_corpus

TRAINING = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3, "dropout": False}


@pytest.fixture
def recipe(tmp_path) -> Path:
    """A teacher and two phases of distillation, small and without chance."""
    model = models.backbone(tmp_path / "bert")
    inside = {"objectives": ["hidden_states", "attention_scores", "attention_relations"], **TRAINING}
    outputs = {"objectives": ["soft_targets", "labels"], **TRAINING}
    steps = [
        {"stage": "prepare", "out": "data", "train": str(models.reviews(tmp_path / "reviews.csv", 130))},
        {"stage": "finetune", "out": "teacher", "from": {"data": "data"}, "model": str(model), "max_length": 32}
        | TRAINING,
        {"stage": "distil", "out": "student", "from": {"data": "data", "teacher": "teacher"}}
        | {"phases": [inside, outputs]},
    ]
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"limbeck": 1, "steps": steps}))
    return path


SHARDED = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
}
"""What `accelerate launch` tells its processes of a configuration with FSDP."""


def in_two(recipe: Path, out: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a recipe in two processes."""
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "limbeck", "run", str(recipe)]
    return subprocess.run(
        [sys.executable, "-m", *command, "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(models.ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.parametrize(
    ("fields", "environment"),
    [({}, {}), pytest.param({"embeddings": "all"}, SHARDED, marks=pytest.mark.slow)],
    ids=["whole", "sharded"],
)
def test_two_processes_give_the_result_of_one(recipe, tmp_path, fields, environment):
    plain = yaml.safe_load(recipe.read_text())
    for step in plain["steps"][1:]:
        for training in step.get("phases", [step]):
            training.update(fields)
    recipe.write_text(yaml.safe_dump(plain))
    run_file(recipe, tmp_path / "one", (), Journal(quiet=True))
    done = in_two(recipe, tmp_path / "two", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("teacher", "student"):
        one, two = (open_bundle(tmp_path / run / name) for run in ("one", "two"))
        assert two.faults() == []
        for epoch, again in zip(one.facts["history"], two.facts["history"], strict=True):
            assert again["terms"] == pytest.approx(epoch["terms"], rel=1e-4, abs=1e-6)
        weights, others = (load_file(b.file("model.safetensors")) for b in (one, two))
        for key, value in weights.items():
            torch.testing.assert_close(others[key], value, rtol=1e-3, atol=1e-4)
    left = [p.name for p in (tmp_path / "two").iterdir() if p.name.endswith(".tmp")]
    assert left == []
    assert not any("process" in line and "error" in line.lower() for line in done.stdout.splitlines())


@pytest.mark.slow
def test_two_processes_that_were_ended_go_on_bit_for_bit(recipe, tmp_path):
    plain = yaml.safe_load(recipe.read_text())
    for step in plain["steps"][1:]:
        step["checkpoint_every"] = 0
    recipe.write_text(yaml.safe_dump(plain))
    for name in ("whole", "parts"):
        out = tmp_path / name
        if name == "parts":
            ended = threading.Timer(0.0, end_once_there, (out / "student.checkpoints", out / ".lock"))
            ended.start()
            assert in_two(recipe, out, {}).returncode != 0
            ended.join()
            assert not (out / "student").exists()
        done = in_two(recipe, out, {})
        assert done.returncode == 0, done.stderr[-3000:]
    for name in ("teacher", "student"):
        whole, parts = (open_bundle(tmp_path / run / name) for run in ("whole", "parts"))
        assert parts.digest == whole.digest


def end_once_there(sign: Path, lock: Path) -> None:
    """Ask the first process to end once there is a sign of how far it is."""
    while not (sign.is_dir() and any(sign.glob("[0-9]*"))):
        time.sleep(0.01)
    os.kill(int(lock.read_text()), signal.SIGTERM)


@pytest.mark.parametrize(
    ("environment", "told"),
    [({"ACCELERATE_USE_DEEPSPEED": "true"}, "not by DeepSpeed"), ({**SHARDED, "FSDP_VERSION": "1"}, "fsdp_version: 2")],
)
def test_what_accelerate_is_asked_for_in_vain_is_refused(monkeypatch, environment, told):
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LimbeckError, match=told):
        processes.wait()


@pytest.mark.slow
def test_two_processes_learn_from_raw_text_as_one_does(tmp_path):
    """Hidden words, pairs of texts, replaced words, and a general student."""
    backbone = models.backbone(tmp_path / "bert")
    training = {"max_length": 32, "steps": 4, "evaluate_every": 2, "batch_size": 8, "dropout": False}
    distil = {key: value for key, value in training.items() if key != "max_length"}
    shape = {"positions": 64, "model": "layers=2,hidden=24,heads=2,intermediate=48"}
    text = {"corpus": str(write_corpus(tmp_path / "raw.txt", 60)), "dev_tokens": 300}
    pretrain = {"stage": "pretrain", "from": {"corpus": "corpus"}, **training}
    steps = [
        {"stage": "tokenize", "out": "corpus", "tokenizer": str(backbone), **text},
        {**pretrain, **shape, "out": "bert", "pretexts": ["masked_lm", "next_sentence"]},
        {**pretrain, **shape, "name": "electra", "out": "electra", "family": "electra", "pretexts": ["replaced_token"]},
        {**pretrain, "name": "head", "out": "teacher", "model": str(backbone), "trained": "head"},
        {"stage": "distil", "out": "student", "from": {"corpus": "corpus", "teacher": "teacher"}, "max_length": 32}
        | {"pretext": "masked_lm", "objectives": ["soft_targets", "labels", "attention_relations"], **distil},
    ]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps({"limbeck": 1, "steps": steps}))  # YAML would name what stands there twice
    run_file(recipe, tmp_path / "one", (), Journal(quiet=True))
    done = in_two(recipe, tmp_path / "two", {})
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("bert", "electra", "teacher", "student"):
        one, two = (open_bundle(tmp_path / run / name) for run in ("one", "two"))
        for epoch, again in zip(one.facts["history"], two.facts["history"], strict=True):
            assert again["terms"] == pytest.approx(epoch["terms"], rel=1e-4, abs=1e-6)
        weights, others = (load_file(b.file("model.safetensors")) for b in (one, two))
        for key, value in weights.items():
            torch.testing.assert_close(others[key], value, rtol=1e-3, atol=1e-4)

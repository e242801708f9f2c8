"""`--strict`, at every verb that trains: a damaged checkpoint ends it, where else the one before it is gone on from."""

import pytest
import yaml

from limbeck.engine.step import Step
from tests import models

TRAINING = {"max_length": 16, "epochs": 1, "batch_size": 16, "checkpoint_every": 0}


class Crash(BaseException):
    """What no part of the product catches."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    rows = models.reviews(folder / "reviews.csv")
    model = str(models.backbone(folder / "bert", layers=1))
    prepare = {"stage": "prepare", "out": "data", "train": str(rows), "min_rows": 1}
    train = {"stage": "finetune", "out": "teacher", "from": {"data": "data"}, "model": model, **TRAINING}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"limbeck": 1, "steps": [prepare, train]}))
    return folder


def commands(folder):
    rows, model = folder / "reviews.csv", folder / "bert"
    fields = [f"{name}={value}" for name, value in TRAINING.items()]
    of_step = [part for field in fields for part in ("--set", f"finetune.{field}")]
    return {
        "finetune": ["finetune", rows, "--model", model, *(part for field in fields for part in ("--set", field))],
        "run": ["run", folder / "recipe.yaml"],
        "compress": ["compress", rows, "--teacher", model, "--student", "1x12", *of_step],
        "compare": ["compare", "compress", "--data", rows, "--teacher", model, "--student", "1x12", *of_step,
                    "--seeds", "0", "--until", "student"],
    }  # fmt: skip


def damaged(cli, command, out, monkeypatch):
    """Let a training end before its fourth step, and flip a bit of its newest checkpoint."""
    run, done = Step.__call__, []

    def crash(self, parts):
        done.append(None)
        if len(done) == 4:
            raise Crash
        return run(self, parts)

    with monkeypatch.context() as patch:
        patch.setattr(Step, "__call__", crash)
        with pytest.raises(Crash):
            cli(*command, "--out", out)
    newest = max(out.parent.glob("**/*.checkpoints/*/state.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)


@pytest.mark.parametrize("verb", ["finetune", "run", "compress", "compare"])
def test_a_damaged_checkpoint_ends_a_strict_run(cli, folder, tmp_path, monkeypatch, verb):
    command = commands(folder)[verb]
    damaged(cli, command, tmp_path / "out", monkeypatch)
    strict = cli(*command, "--out", tmp_path / "out", "--strict")
    assert strict.exit_code == (2 if verb == "compare" else 3)  # which tells at its end of the runs that failed
    assert "state.pt is damaged (sha256 differs). Without --strict" in strict.output
    assert "Traceback" not in strict.output


def test_without_it_the_one_before_is_gone_on_from(cli, folder, tmp_path, monkeypatch):
    command = commands(folder)["finetune"]
    damaged(cli, command, tmp_path / "out", monkeypatch)
    again = cli(*command, "--out", tmp_path / "out")
    assert again.exit_code == 0
    assert "going on from the checkpoint before it" in " ".join(again.stderr.split())


def test_distil_takes_it_too(cli, pipeline):
    assert cli("distil", "--teacher", "t", "--data", "d", "--out", "o", "--strict").exit_code == 0
    [(_, (_stage, _inputs, fields, *_), _)] = pipeline.calls
    assert fields == {"strict": True}

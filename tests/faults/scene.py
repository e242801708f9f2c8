"""A small run of all stages, what it gives when nothing happens, and processes that do it again.

Each process is forked from this one, which has imported everything: so it costs what it does, not what it imports.
"""

import contextlib
import hashlib
import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

import limbeck.cli.app  # noqa: F401  (imported here, so that no process does it again)
from limbeck.cli import main
from limbeck.core.bundle import is_bundle, open_bundle
from limbeck.core.files import LOCK, TEMPORARY
from limbeck.core.journal import Journal, read_events
from limbeck.core.recipe import read_recipe
from limbeck.pipeline import run_file
from tests import models

TRAINING = {"batch_size": 16, "learning_rate": 3e-3, "dropout": True}
PHASES = [
    {"objectives": ["soft_targets", "hidden_states"], "epochs": 1, **TRAINING},
    {"objectives": ["soft_targets", "labels"], "epochs": 1, **TRAINING},
]
_TIMES = ("time", "seconds", "digest", "created")
_HZ = os.sysconf("SC_CLK_TCK")


def steps(rows: Path, model: Path) -> list[dict[str, Any]]:
    """The recipe: every stage that makes something which others build on."""
    made = {"data": "steps/data"}
    models_made = {"teacher": "teacher", "student": "student", "bundle": "steps/int8"}
    evaluation = "steps/evaluation"
    saving = {"checkpoint_every": 0}
    return [
        {"stage": "prepare", "out": "steps/data", "train": str(rows), "min_rows": 1},
        {"stage": "finetune", "out": "teacher", "from": made, "model": str(model), "max_length": 16, "epochs": 2}
        | {**TRAINING, **saving},
        {"stage": "distil", "out": "student", "from": {"teacher": "teacher", **made}, "student": "1x12"}
        | {"phases": PHASES, **saving},
        {"stage": "export", "out": "steps/onnx", "from": {"model": "student"}},
        {"stage": "quantize", "out": "steps/int8", "from": {"model": "steps/onnx", **made}}
        | {"min_agreement": 0, "max_drop": 1, "max_reverts": 0},
        {"stage": "evaluate", "out": evaluation, "from": {**made, **models_made}, "draws": 100},
        {"stage": "package", "out": "bundle", "from": {**models_made, "model": "steps/int8", "evaluation": evaluation}},
        {"stage": "report", "out": "steps/report", "from": {**made, **models_made, "evaluation": evaluation}},
    ]


@dataclass
class Scene:
    """The run's recipe and its uninterrupted result.

    Attributes:
        folder: Where everything lies.
        short: Leave out all after the student.
        cpu_s: Processor seconds that the run takes.
    """

    folder: Path
    short: bool = False
    cpu_s: float = 0.0
    wanted: dict[str, Any] = field(default_factory=dict)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(1)
        rows = models.reviews(self.folder / "reviews.csv", 80)
        backbone = models.backbone(self.folder / "bert", layers=2)
        chosen = steps(rows, backbone)[: 3 if self.short else None]
        self.recipe.write_text(yaml.safe_dump({"limbeck": 1, "steps": chosen}))
        run_file(self.recipe, self.folder / "warm", (), Journal(quiet=True))  # what is imported late is imported now
        out = self.folder / "whole"
        start = os.times()
        ended = self.run(out)
        spent = os.times()
        assert ended.code == 0, ended.told
        self.cpu_s = spent.children_user + spent.children_system - start.children_user - start.children_system
        self.wanted = result(out)
        assert result(self.folder / "warm") == self.wanted

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.folder / "recipe.yaml"

    def fresh(self) -> Path:
        """A directory that no run has seen."""
        self._runs += 1
        return self.folder / f"run-{self._runs}"

    def start(self, out: Path, fault: Callable[[], Any] | None = None) -> "Started":
        """Start `limbeck run` in a process of its own, in which a fault is set up first."""
        return Started.of(["run", str(self.recipe), "--out", str(out)], self.folder / "told.txt", fault)

    def run(self, out: Path, fault: Callable[[], Any] | None = None) -> "Ended":
        """Run to the end, or to the fault."""
        return self.start(out, fault).wait()

    def differences(self, out: Path) -> list[str]:
        """In what a finished run is not the uninterrupted one, litter included."""
        found = result(out)
        return [name for name in self.wanted.keys() | found.keys() if self.wanted.get(name) != found.get(name)]


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or the signal it died of, negative; and what it told."""

    code: int
    told: str


@dataclass(frozen=True)
class Started:
    """A process under way."""

    pid: int
    log: Path

    @classmethod
    def of(cls, arguments: list[str], log: Path, fault: Callable[[], Any] | None) -> "Started":
        """Fork one that runs `limbeck` with arguments."""
        log.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            _become(arguments, log, fault)
        return cls(pid, log)

    def cpu_s(self) -> float:
        """Processor seconds it has used; infinite once it has ended."""
        try:
            parts = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return math.inf
        return math.inf if parts[0] == "Z" else (int(parts[11]) + int(parts[12])) / _HZ

    def signal_after(self, cpu_s: float, number: int) -> None:
        """Send it a signal once it has used some processor time."""
        while (used := self.cpu_s()) < cpu_s:
            time.sleep(max(0.002, (cpu_s - used) / 4))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_for_words(self) -> None:
        """Until it has told something: before that it is Python that starts, and signals do what Python does."""
        while self.cpu_s() < math.inf and not (self.log.is_file() and self.log.stat().st_size):
            time.sleep(0.002)

    def wait(self) -> Ended:
        """Until it has ended."""
        _, status = os.waitpid(self.pid, 0)
        return Ended(os.waitstatus_to_exitcode(status), self.log.read_text(errors="replace"))


def _become(arguments: list[str], log: Path, fault: Callable[[], Any] | None) -> None:
    """Be `limbeck` from now on, and never return."""
    code = 70
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.argv = ["limbeck", *arguments]
        if fault is not None:
            fault()
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def result(out: Path) -> dict[str, Any]:
    """All that a run leaves, but for times: Bundles by their hash, numbers, the log, and what should not be there."""
    found: dict[str, Any] = {}
    for step in read_recipe(out / "recipe.yaml").steps:
        place = out / step.place
        if not is_bundle(place):
            found[step.title] = None
            continue
        bundle = open_bundle(place)
        found[f"{step.title} faults"] = bundle.faults()
        if step.stage not in ("package", "report"):  # which tell when they were made
            found[step.title] = bundle.digest
        if "history" in bundle.facts:
            found[f"{step.title} history"] = [_timeless(epoch) for epoch in bundle.facts["history"]]
            found[f"{step.title} warnings"] = bundle.facts["warnings"]
    if (out / "measurements.json").is_file():
        found["measurements"] = hashlib.sha256((out / "measurements.json").read_bytes()).hexdigest()
    found["events"] = _events(out / "log.jsonl")
    found["litter"] = [
        p.relative_to(out).as_posix()
        for p in out.rglob("*")
        if TEMPORARY.fullmatch(p.name) or p.name.endswith((LOCK, ".checkpoints"))
    ]
    return found


def _events(path: Path) -> dict[str, list[str]]:
    """Step → what its training told, since it last began anew."""
    told: dict[str, list[str]] = {}
    current = ""
    for event in read_events(path):
        if event["event"] == "step":
            current = event["step"]
            told[current] = []
        elif event["event"] == "done":
            current = ""
        elif event["event"] in ("epoch", "warning"):
            told.setdefault(current, []).append(json.dumps(_timeless(event), sort_keys=True))
    return {step: lines for step, lines in told.items() if step in ("finetune", "distil")}


def _timeless(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _TIMES}

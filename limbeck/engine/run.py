"""What the phases of one training stage share: the model, the best of it so far, how far it has come."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from limbeck.core.errors import TrainingError
from limbeck.core.journal import Journal
from limbeck.engine import processes
from limbeck.engine.checkpoints import Checkpoints
from limbeck.engine.exam import Exam
from limbeck.engine.seed import fits_here, random_state, seed_all, set_random_state
from limbeck.engine.training import Tracked
from limbeck.nn.model import Model


@dataclass
class Best:
    """The best state of a network so far, by what decides on the dev split; the later of two equals.

    A score that is not a number is −∞: below every other.

    Attributes:
        score: Its dev score.
        state: Its weights, on the CPU.
        at: Phase and epoch.
    """

    score: float = -math.inf
    state: dict[str, Tensor] = field(default_factory=dict)
    at: str = ""

    def offer(self, network: nn.Module, score: float | None, at: str) -> bool:
        """Keep the network's weights if none were better, or whatever they are if there is no score."""
        if score is not None:
            if score < self.score:
                return False
            self.score = score
        self.at = at
        self.state = {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}
        return True


@dataclass
class Progress:
    """How far a stage has come in its training.

    Attributes:
        steps: Steps done, in all phases.
        histories: Phase → its records, of the phases that are over.
        saved: What the phase that was under way is to go on from; None once it does.
    """

    steps: int = 0
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    saved: dict[str, Any] | None = None


@dataclass(frozen=True)
class Run:
    """What the phases of one training stage share.

    Attributes:
        spec: The stage's fields.
        model: What is trained.
        exam: What decides which weights are kept.
        log: Where progress goes.
        folder: The run's directory; trackers write below it.
        checkpoints: What the same command goes on from.
        best: The best weights so far.
        progress: How far it has come.
    """

    spec: Tracked
    model: Model
    exam: Exam
    log: Journal
    folder: Path
    checkpoints: Checkpoints
    best: Best = field(default_factory=Best)
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def open(cls, spec: Tracked, model: Model, exam: Exam, log: Journal, out: Path, key: str) -> "Run":
        """Begin, or go on where the newest checkpoint of the same training was made.

        Args:
            spec: As the attribute; likewise `model`, `exam` and `log`.
            model: See `spec`.
            exam: See `spec`.
            log: See `spec`.
            out: Where the stage's result will be.
            key: Hash of all that the result depends on.
        """
        checkpoints = Checkpoints(out, key, every_s=60 * spec.checkpoint_every, strict=spec.strict, log=log)
        run = cls(spec, model, exam, log, out.parent, checkpoints)
        found = processes.agree(checkpoints.newest() if processes.is_first() else None)
        if found is not None and processes.sharded():
            raise TrainingError(
                f"{out}: a training is under way whose weights do not lie in parts (FSDP); go on as it was begun, or "
                "choose another --out"
            )
        if found is not None:
            saved, run.best.state = found
            run.best.score, run.best.at = saved["best"]
            run.progress.steps, run.progress.histories = saved["steps"], saved["histories"]
            run.progress.saved = saved
        return run

    def save(self, phase: str, state: dict[str, Any]) -> None:
        """Make a checkpoint of a phase under way; all processes come here, the first one writes."""
        randoms = processes.gathered(random_state())
        if processes.is_first():
            whole = {
                "phase": phase,
                "state": state,
                "steps": self.progress.steps,
                "histories": self.progress.histories,
                "best": (self.best.score, self.best.at),
                "random": randoms,
                "log": self.log.mark(),
            }
            self.checkpoints.save(whole, self.best.state, self.best.at)

    def resumed(self, phase: str) -> dict[str, Any] | None:
        """What a phase goes on from, all that is random and the journal put back with it; None if it begins."""
        saved = self.progress.saved
        if saved is None or saved["phase"] != phase:
            return None
        self.progress.saved = None
        self.log.rewind(saved["log"], self.checkpoints.key)
        states = saved["random"]
        if len(states) == processes.count() and fits_here(states[processes.rank()]):
            set_random_state(states[processes.rank()])
        else:  # dropout alone draws from them
            seed_all(hash((self.spec.seed, saved["steps"], processes.rank())) % 2**32)
            self.log.say(f"{phase}: the checkpoint is of other processes or devices; dropout goes on with other draws")
        state: dict[str, Any] = saved["state"]
        return state

    def keep_best(self) -> None:
        """Put the best weights back."""
        self.model.network.load_state_dict(self.best.state)
        score = f": dev {self.exam.primary} {self.best.score:.4f}" if self.best.score > -math.inf else ""
        self.log.say(f"kept the weights of {self.best.at}{score}")

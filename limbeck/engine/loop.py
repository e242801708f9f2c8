"""The training loop: batches in a fixed order, one step function, best-on-dev weights kept."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from torch import Tensor, nn

from limbeck.core.errors import LimbeckError
from limbeck.core.journal import Journal
from limbeck.core.predictions import Predictions
from limbeck.core.spec import Spec
from limbeck.engine import processes
from limbeck.engine.feed import ahead
from limbeck.engine.guards import LossGuard
from limbeck.engine.mixture import Mixture
from limbeck.engine.optim import Schedule
from limbeck.engine.rows import Rows, epoch_order
from limbeck.engine.score import TorchScorer, dev_score, predict_split
from limbeck.engine.step import Step
from limbeck.engine.teacher_cache import Teacher
from limbeck.nn.compiling import fault
from limbeck.nn.model import Model, best_device
from limbeck.nn.types import Batch, Moment, Outputs
from limbeck.text.encode import Encoder
from limbeck.text.port import Example, Task

_SHOWN_STEPS = 10
"""Steps between two looks at the loss: each look waits for the device."""


class Training(Spec):
    """How a model is trained."""

    epochs: int = Field(3, ge=1)
    """Passes over the training rows, ≥ 1. BERT's fine-tuning takes 2 to 4."""
    learning_rate: float = Field(5e-5, gt=0.0)
    """Peak rate of AdamW. BERT's fine-tuning tries 2e-5, 3e-5 and 5e-5; smaller models take more."""
    batch_size: int = Field(32, ge=1)
    """Rows per step. BERT's fine-tuning takes 16 or 32."""
    schedule: Schedule = "linear"
    """How the rate falls to 0 after the warm-up; BERT's is linear."""
    warmup_fraction: float = Field(0.1, ge=0.0, lt=1.0)
    """Part of all steps in which the rate climbs; BERT's is 0.1."""
    weight_decay: float = Field(0.01, ge=0.0)
    """Decoupled decay of matrices; BERT's is 0.01."""
    clip_norm: float = Field(1.0, gt=0.0)
    """Largest norm of the gradient; BERT's is 1."""
    dropout: bool = True
    """Whether the model's own dropout is on while it trains."""
    accumulate: int = Field(1, ge=1)
    """Parts that a batch is run in, one after the other, where it would not fit in memory at once. The result is that
    of the whole batch, but for objectives that compare its items with one another."""
    embeddings: Literal["rows", "all"] = "rows"
    """Which word vectors a step updates: `rows`, those that occur in its batch, by lazy Adam without decay, which costs
    what they cost; or `all`, by AdamW, whose momentum moves every vector in every step, as BERT's does. Where
    weights lie in parts (FSDP), it is `all`."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Precision of the forward and backward pass; weights and the optimiser stay in fp32. On a CPU with AMX
    a step in bf16 is about 1.4 times as fast, on one without it is slower."""
    compile: bool = False
    """Whether layers are compiled by `torch.compile`, but for their attention. Losses stay the same to 1e-5. The first
    steps take a minute or more. It does not pay on a CPU, where steps measured 3 to 6 % slower (3x384, 32 rows a step); it
    may on a GPU, where small kernels cost more than what they compute, and where it was not measured."""

    @field_validator("compile")
    @classmethod
    def _can_compile(cls, wanted: bool) -> bool:
        if wanted and (why := fault(best_device())):
            raise ValueError(why)
        return wanted


class Tracked(Spec):
    """What every training stage lets one choose beside how it trains."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Of fresh weights, of dropout and of the order of the rows."""
    tracker: Literal["none", "tensorboard"] = "none"
    """Where curves go beside the log: `tensorboard` writes event files beside the result."""


@dataclass
class Best:
    """The best state of a network so far, by the deciding dev metric; the later of two equals.

    Attributes:
        score: Its dev score.
        state: Its weights, on the CPU.
        at: Phase and epoch.
    """

    score: float = -math.inf
    state: dict[str, Tensor] = field(default_factory=dict)
    at: str = ""

    def offer(self, network: nn.Module, score: float, at: str) -> bool:
        """Keep the network's weights if none were better."""
        if score < self.score:
            return False
        self.score, self.at = score, at
        self.state = {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}
        return True


@dataclass(frozen=True)
class Run:
    """What the phases of one training stage share.

    Attributes:
        spec: The stage's fields.
        model: What is trained.
        task: What it answers.
        encoder: Characters to token ids.
        dev: The examples that decide which weights are kept.
        log: Where progress goes.
        folder: The run's directory; trackers write below it.
        best: The best weights so far.
    """

    spec: Tracked
    model: Model
    task: Task
    encoder: Encoder
    dev: Sequence[Example]
    log: Journal
    folder: Path
    best: Best = field(default_factory=Best)

    def answers(self) -> Predictions:
        """The model's answers on the dev split."""
        return predict_split(TorchScorer(self.model, self.task, self.encoder), self.task, self.dev)

    def score(self) -> dict[str, float]:
        """The deciding metric on the dev split, by name."""
        return dev_score(TorchScorer(self.model, self.task, self.encoder), self.task, self.dev)

    def keep_best(self) -> None:
        """Put the best weights back."""
        self.model.network.load_state_dict(self.best.state)
        self.log.say(f"kept the weights of {self.best.at}: dev {self.task.primary} {self.best.score:.4f}")


def train(
    mixture: Mixture, rows: Rows, teacher: Teacher | None, spec: Training, run: Run, phase: str
) -> list[dict[str, Any]]:
    """Train a mixture's network for one phase.

    Args:
        mixture: The network and its objectives.
        rows: What to train on.
        teacher: Where the teacher's outputs come from; None if no objective reads any.
        spec: How to train.
        run: What the phases of the stage share; its `best` is updated after each epoch.
        phase: Name of the phase in the log.

    Returns:
        One record per epoch: losses by term (means), dev scores, seconds.

    Raises:
        LimbeckError: The loss is no longer a finite number.
    """
    accelerator = _accelerator(spec, run)
    total = spec.epochs * math.ceil(len(rows) / spec.batch_size)
    step = Step(mixture, spec, accelerator, total)
    if spec.embeddings == "rows" and processes.sharded():
        run.log.warn(f"{phase}: word vectors that lie in parts cannot be updated by row; embeddings is taken as all")
    guard = LossGuard(step.warmup, mixture.steady)
    history: list[dict[str, Any]] = []
    with run.log.bar(phase, total) as bar, step.compiled():
        for epoch in range(spec.epochs):
            start = time.monotonic()
            step.dropout()
            order = epoch_order(rows.lengths, spec.batch_size, run.spec.seed, epoch)
            losses = _Losses(accelerator)
            feed = _feed(order, epoch, rows, teacher, spec, run.spec.seed, accelerator)
            for number, parts in enumerate(feed, start=1):
                losses.add(step(parts))
                shown: dict[str, float] = {}
                if number % _SHOWN_STEPS == 0 or number == len(order):
                    place = f"{phase}, epoch {epoch + 1}, steps {losses.seen + 1} to {number}"
                    shown = _look(losses, guard, spec, run.log, place)
                bar.advance(1, **shown)
            step.gather()
            seconds = time.monotonic() - start
            means = {name: total / len(order) for name, total in losses.totals.items()}
            history.append(_close_epoch(accelerator, mixture, run, phase, epoch, means, seconds))
    for tracker in accelerator.trackers:
        tracker.finish()
    return history


def _feed(
    order: Sequence[Sequence[int]],
    epoch: int,
    rows: Rows,
    teacher: Teacher | None,
    spec: Training,
    seed: int,
    accelerator: Any,
) -> Iterator[list[tuple[Batch, Outputs]]]:
    """This process's parts of each batch, with the teacher's outputs."""
    mine = slice(accelerator.process_index * spec.accumulate, (accelerator.process_index + 1) * spec.accumulate)
    parts = accelerator.num_processes * spec.accumulate
    last = max(spec.epochs * len(order) - 1, 1)

    def make(step: tuple[int, Sequence[int]]) -> list[tuple[Batch, Outputs]]:
        number, indices = step
        moment = Moment((epoch * len(order) + number) / last, epoch, seed)
        batches = [replace(part, moment=moment) for part in rows.parts(indices, parts, accelerator.device)[mine]]
        return [(batch, Outputs() if teacher is None else teacher.outputs(batch)) for batch in batches]

    # A CPU is busy with the step itself: there a second thread would only take turns with it.
    beside = accelerator.device.type != "cpu" and (teacher is None or teacher.ahead)
    return ahead(enumerate(order), make) if beside else map(make, enumerate(order))


@dataclass
class _Losses:
    """An epoch's losses by term, which stay on the device until they are looked at.

    Attributes:
        accelerator: Adds those of all processes.
        totals: Sums over the steps that have been looked at.
        seen: How many those are.
    """

    accelerator: Any
    totals: dict[str, float] = field(default_factory=dict)
    seen: int = 0
    _recent: dict[str, Tensor] = field(default_factory=dict)
    _steps: int = 0

    def add(self, terms: dict[str, Tensor]) -> None:
        """Take in a step, without waiting for the device."""
        self._steps += 1
        for name, value in terms.items():
            self._recent[name] = self._recent.get(name, 0) + value

    def look(self) -> tuple[int, dict[str, float]]:
        """How many steps there were since the last look, and the means of their losses."""
        sums = {name: value.item() for name, value in self.accelerator.reduce(self._recent).items()}
        for name, value in sums.items():
            self.totals[name] = self.totals.get(name, 0.0) + value
        steps, self._steps, self._recent = self._steps, 0, {}
        self.seen += steps
        return steps, {name: value / steps for name, value in sums.items()}


def _look(losses: _Losses, guard: LossGuard, spec: Training, log: Journal, place: str) -> dict[str, float]:
    steps, means = losses.look()
    if not math.isfinite(means["loss"]):
        precision = "" if spec.precision == "fp32" else f", or {spec.precision} is too coarse: set precision to fp32"
        raise LimbeckError(
            f"{place}: the loss is {means['loss']}. Likely the rate is too high: lower learning_rate (now "
            f"{spec.learning_rate:g}) or raise warmup_fraction{precision}"
        )
    if odd := guard.look(steps, means["loss"]):
        log.warn(f"{place}: {odd}")
    return means


def _close_epoch(
    accelerator: Any, mixture: Mixture, run: Run, phase: str, epoch: int, means: dict[str, float], seconds: float
) -> dict[str, Any]:
    dev = run.score()
    kept = run.best.offer(mixture.network, dev[run.task.primary], f"{phase}, epoch {epoch + 1}")
    loss = means.pop("loss")
    record = {
        "phase": phase,
        "epoch": epoch + 1,
        "loss": loss,
        "terms": means,
        "dev": dev,
        "seconds": round(seconds, 2),
    }
    run.log.record("epoch", **record)
    accelerator.log({f"{phase}/loss": loss, **{f"{phase}/dev {k}": v for k, v in dev.items()}}, step=epoch + 1)
    terms = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
    scores = "  ".join(f"{name} {value:.4f}" for name, value in dev.items())
    run.log.say(f"{phase}, epoch {epoch + 1}: loss {loss:.4f} ({terms})  dev {scores}{'  *' if kept else ''}")
    return record


def _accelerator(spec: Training, run: Run) -> Any:
    from accelerate import Accelerator, DistributedDataParallelKwargs, DistributedType, PartialState
    from accelerate.state import AcceleratorState

    # The library keeps one precision for the whole process; phases may differ.
    AcceleratorState._reset_state()
    if processes.sharded():
        # accelerate shards what it takes for several GPUs: CPUs it does not, nor what it has sharded before.
        PartialState().distributed_type = DistributedType.MULTI_GPU
    tracker = run.spec.tracker
    accelerator = Accelerator(
        cpu=best_device().type == "cpu",
        mixed_precision="no" if spec.precision == "fp32" else spec.precision,
        log_with=None if tracker == "none" else tracker,
        project_dir=str(run.folder / tracker),
        # An objective may leave a head unread.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if processes.sharded():
        plugin = accelerator.state.fsdp_plugin
        plugin.mixed_precision_policy = None  # weights stay in fp32; autocast does the rest
        # Gradients enter a layer by what was tapped inside it, where FSDP would not expect them and fetch its weights.
        plugin.reshard_after_forward = False
    if tracker != "none":
        accelerator.init_trackers(type(run.spec).__module__.rpartition(".")[2])
    return accelerator

"""The training loop: batches in a fixed order, one step function, best-on-dev weights kept, checkpoints on the way."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from limbeck.core.errors import TrainingError
from limbeck.core.journal import Bar
from limbeck.engine import processes
from limbeck.engine.course import Course
from limbeck.engine.feed import ahead
from limbeck.engine.guards import LossGuard
from limbeck.engine.interruption import Asked, StoppedError, listening
from limbeck.engine.memory import memory_told
from limbeck.engine.mixture import Mixture
from limbeck.engine.run import Run
from limbeck.engine.step import Step
from limbeck.engine.teacher_cache import Teacher
from limbeck.engine.training import Updates
from limbeck.nn.model import best_device
from limbeck.nn.types import Batch, Moment, Outputs

_SHOWN_STEPS = 10
"""Steps between two looks at the loss: each look waits for the device."""
_NAMED_ROWS = 8
"""Rows of a batch that a message names."""


def train(
    mixture: Mixture, course: Course, teacher: Teacher | None, spec: Updates, run: Run, phase: str
) -> list[dict[str, Any]]:
    """Train a mixture's network for one phase, or what is left of it.

    Args:
        mixture: The network and its objectives.
        course: What to train on, and in which order.
        teacher: Where the teacher's outputs come from; None if no objective reads any.
        spec: How to train.
        run: What the phases of the stage share; its `best` is updated after each epoch.
        phase: Name of the phase in the log, another for each.

    Returns:
        One record per epoch: its steps, tokens and peak rate, losses by term (means), dev scores (None where one is not
        a finite number), seconds with those of the exam.

    Raises:
        TrainingError: The loss is no longer a finite number, or memory is short.
        StoppedError: Somebody asked the process to end; what was done is saved.
    """
    histories = run.progress.histories
    if phase not in histories:
        histories[phase] = _Phase(mixture, course, teacher, spec, run, phase).run()
    return histories[phase]


class _Phase:
    """A phase under way: all that changes from step to step, so that it can be saved between any two."""

    def __init__(
        self, mixture: Mixture, course: Course, teacher: Teacher | None, spec: Updates, run: Run, name: str
    ) -> None:
        self._mixture, self._course, self._teacher = mixture, course, teacher
        self._spec, self._run, self._name = spec, run, name
        self._accelerator = _accelerator(spec, run)
        self._total = course.before(course.epochs)
        self._step = Step(mixture, spec, self._accelerator, self._total)
        self._guard = LossGuard(self._step.warmup, mixture.steady)
        self._losses = _Losses(self._accelerator)
        self._history: list[dict[str, Any]] = []
        self._done, self._seconds = 0, 0.0
        if spec.embeddings == "rows" and processes.sharded():
            run.log.warn(f"{name}: word vectors that lie in parts cannot be updated by row; embeddings is taken as all")
        if mixture.together:
            self._warn_of_parts()

    def run(self) -> list[dict[str, Any]]:
        """Train to the phase's end."""
        if (saved := self._run.resumed(self._name)) is not None:
            self._restore(saved)
            place = f"epoch {len(self._history) + 1}, step {self._done + 1}"
            self._run.log.say(f"{self._name}: going on from the checkpoint before {place}")
        before = self._course.before(len(self._history)) + self._done
        with (
            self._run.log.bar(self._name, self._total, done=before) as bar,
            self._step.compiled(),
            listening() as asked,
        ):
            for epoch in range(len(self._history), self._course.epochs):
                self._epoch(epoch, bar, asked)
        for tracker in self._accelerator.trackers:
            tracker.finish()
        return self._history

    def _epoch(self, epoch: int, bar: Bar, asked: Asked) -> None:
        start = time.monotonic() - self._seconds
        self._step.dropout()
        order = self._course.batches(epoch)
        for number, parts in enumerate(self._feed(order, epoch), start=self._done + 1):
            self._losses.add(self._stepped(parts, self._place(epoch, number)))
            self._run.progress.steps += 1
            self._done, self._seconds = number, time.monotonic() - start
            looks = number % _SHOWN_STEPS == 0 or number == len(order)
            bar.advance(1, **(self._look(epoch) if looks else {}))
            if looks or processes.count() == 1:
                self._pause(asked)
        self._step.gather()
        dev = {name: value if math.isfinite(value) else None for name, value in self._score(asked).items()}
        means = {name: total / len(order) for name, total in self._losses.totals.items()}
        record = {
            "phase": self._name,
            "epoch": epoch + 1,
            "steps": len(order),
            "learning_rate": self._step.rate,
            "tokens": sum(self._course.token_count(batch) for batch in order),
            "loss": means.pop("loss"),
            "terms": means,
            "dev": dev,
            "seconds": round(time.monotonic() - start, 2),
        }
        _close_epoch(self._accelerator, self._mixture, self._run, record)
        self._history.append(record)
        self._losses, self._done, self._seconds = _Losses(self._accelerator), 0, 0.0
        self._pause(asked, epoch_ended=True)

    def _score(self, asked: Asked) -> dict[str, float]:
        """Scores on dev, which may take long: one process alone need not wait for them when it is asked to end."""
        self._check_weights()
        told = memory_told(f"{self._name}, scores on dev")
        if processes.count() > 1:
            with told:
                return self._run.exam.scores()
        try:
            with asked.leaving(), told:
                return self._run.exam.scores()
        except StoppedError:
            self._pause(asked)
            raise

    def _parts(self, rows: Sequence[int]) -> int:
        """In how many parts each process runs its share of a batch of these rows."""
        room: int = self._accelerator.num_processes * self._spec.part_tokens
        return max(self._spec.accumulate, math.ceil(self._course.token_count(rows) / room))

    def _warn_of_parts(self) -> None:
        """Tell how few rows are compared with one another where batches are cut."""
        count = self._accelerator.num_processes
        cut = {
            len(rows) // parts: parts for rows in self._course.batches(0) if (parts := count * self._parts(rows)) > 1
        }
        if cut:
            self._run.log.warn(
                f"{self._name}: {', '.join(self._mixture.together)} compare the rows of a batch with one another, and "
                f"batches are run in up to {cut[min(cut)]} parts (accumulate, part_tokens, processes), of which each "
                f"compares its own alone, as few as {max(min(cut), 1)}; raise part_tokens as far as memory allows"
            )

    def _feed(self, order: Sequence[Sequence[int]], epoch: int) -> Iterator[list[tuple[Batch, Outputs]]]:
        """This process's parts of each batch that is left, with the teacher's outputs."""
        accelerator, teacher = self._accelerator, self._teacher
        count, own = accelerator.num_processes, accelerator.process_index
        before, last = self._course.before(epoch), max(self._total - 1, 1)

        def make(number: int) -> list[tuple[Batch, Outputs]]:
            moment = Moment((before + number) / last, epoch, self._run.spec.seed)
            parts = self._parts(order[number])
            found = self._course.parts(order[number], count * parts, accelerator.device)
            batches = [replace(part, moment=moment) for part in found[own * parts : (own + 1) * parts]]
            place = self._place(epoch, number + 1)
            # A teacher that runs in each step does so in the precision of the student.
            with memory_told(f"{place}, the teacher", lambda: self._smaller(batches)), accelerator.autocast():
                return [(batch, Outputs() if teacher is None else teacher.outputs(batch)) for batch in batches]

        left = range(self._done, len(order))
        # A CPU is busy with the step itself: there a second thread would only take turns with it.
        beside = accelerator.device.type != "cpu" and (teacher is None or teacher.ahead)
        return ahead(left, make) if beside else map(make, left)

    def _stepped(self, parts: Sequence[tuple[Batch, Outputs]], place: str) -> dict[str, Tensor]:
        """One step; on a CPU, where it costs nothing, its loss is looked at before anything else is done."""
        with memory_told(place, lambda: self._smaller([batch for batch, _ in parts])):
            terms = self._step(parts)
        if self._accelerator.device.type == "cpu" and processes.count() == 1:
            rows = [row for batch, _ in parts for row in batch.rows.tolist()]
            named = ", ".join(map(str, sorted(rows)[:_NAMED_ROWS])) + (", …" if len(rows) > _NAMED_ROWS else "")
            self._check(terms, f"{place} (training rows {named}, counted from 0)")
        return terms

    def _check(self, terms: Mapping[str, Tensor | float], place: str) -> None:
        """Refuse a `loss` that is no finite number, and name those of its terms that are none."""
        loss = float(terms["loss"])
        if math.isfinite(loss):
            return
        values = {name: float(value) for name, value in terms.items() if name != "loss"}
        wrong = ", ".join(f"{name} {value}" for name, value in values.items() if not math.isfinite(value))
        named = f" ({wrong})" if wrong else ""
        half = self._spec.precision
        precision = "" if half == "fp32" else f", or {half} is too coarse: set precision to fp32"
        raise TrainingError(
            f"{place}: the loss is {loss}{named}. Likely the rate is too high: lower learning_rate (now "
            f"{self._step.rate:g}) or raise warmup_fraction{precision}"
        )

    def _check_weights(self) -> None:
        """A loss that is finite may yet have had gradients that are not: such weights are neither saved nor judged."""
        if not self._step.is_finite():
            self._check({"loss": math.nan}, f"{self._name}, epoch {len(self._history) + 1}, after step {self._done}")

    def _place(self, epoch: int, number: int) -> str:
        return f"{self._name}, epoch {epoch + 1}, step {number}"

    def _smaller(self, batches: Sequence[Batch]) -> str:
        """What to lower where memory is short."""
        tokens, rows = max((len(batch.input_ids), len(batch.rows)) for batch in batches)
        smaller = f", or batch_size to {self._spec.batch_size // 2}" if self._spec.batch_size > 1 else ""
        return (
            f" for {tokens} tokens ({rows} rows) at once. Set part_tokens to {tokens // 2} "
            f"({'' if self._mixture.together else 'the same result, '}in smaller parts){smaller}, or max_length to less"
        )

    def _look(self, epoch: int) -> dict[str, float]:
        place = f"{self._name}, epoch {epoch + 1}, steps {self._losses.seen + 1} to {self._done}"
        steps, means = self._losses.look()
        self._check(means, place)
        if odd := self._guard.look(steps, means["loss"]):
            self._run.log.warn(f"{place}: {odd}")
        return means

    def _pause(self, asked: Asked, *, epoch_ended: bool = False) -> None:
        """Save if it is time to, or if somebody asked the process to end; then it does."""
        number, due = processes.agree((asked.number, self._run.checkpoints.due(epoch_ended=epoch_ended)))
        if not (number or due):
            return
        if processes.sharded():
            kept = "weights that lie in parts are not saved on the way; the same command begins the step anew"
        else:
            self._check_weights()
            self._run.save(self._name, self._state())
            kept = "what was done is saved, and the same command goes on from there"
        if number:
            raise StoppedError(number, f"stopped in {self._name} after {self._run.progress.steps} steps; {kept}")

    def _state(self) -> dict[str, Any]:
        return {
            "step": self._step.state(),
            "guard": self._guard.state(),
            "losses": self._losses.state(),
            "history": self._history,
            "done": self._done,
            "seconds": self._seconds,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._step.restore(state["step"])
        self._guard.restore(state["guard"])
        self._losses.restore(state["losses"])
        self._history, self._done, self._seconds = state["history"], state["done"], state["seconds"]


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

    def state(self) -> dict[str, Any]:
        """All that it knows."""
        recent = {name: value.detach() for name, value in self._recent.items()}
        return {"totals": dict(self.totals), "seen": self.seen, "recent": recent, "steps": self._steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know what another one knew."""
        self.totals, self.seen, self._steps = state["totals"], state["seen"], state["steps"]
        self._recent = {name: value.to(self.accelerator.device) for name, value in state["recent"].items()}


def _close_epoch(accelerator: Any, mixture: Mixture, run: Run, record: Mapping[str, Any]) -> None:
    """Keep the weights if they are the best, and tell what is recorded of the epoch."""
    phase, epoch, loss, dev = (record[name] for name in ("phase", "epoch", "loss", "dev"))
    kept = run.best.offer(mixture.network, run.exam.decides(dev), f"{phase}, epoch {epoch}")
    run.log.record("epoch", **record)
    accelerator.log({f"{phase}/loss": loss, **{f"{phase}/dev {k}": v for k, v in dev.items()}}, step=epoch)
    terms = "  ".join(f"{name} {value:.4f}" for name, value in record["terms"].items())
    scores = "  ".join(f"{name} {'undefined' if value is None else f'{value:.4f}'}" for name, value in dev.items())
    run.log.say(f"{phase}, epoch {epoch}: loss {loss:.4f} ({terms})  dev {scores}{'  *' if kept else ''}")


def _accelerator(spec: Updates, run: Run) -> Any:
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

"""Runs recipes on data sets with seeds, one after another: every step once, and after each run the page of all so far.

The results of all steps lie in one store, each under its stage and step hash, so that what runs have in common (the
rows, the teacher, what the teacher answers) is made once, and what is there already is not made again. `benchmark`,
`package` and `report` are left out: a run here ends with the evaluation of its models.
"""

import contextlib
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from limbeck import adapt, execution
from limbeck.core.bundle import Bundle
from limbeck.core.errors import LimbeckError, RecipeError
from limbeck.core.files import claim_directory, write_json, write_text
from limbeck.core.holding import held
from limbeck.core.journal import Journal, read_events
from limbeck.core.measurement import Measurement, read_measurements
from limbeck.core.recipe import Recipe, Step
from limbeck.core.shelf import shelf
from limbeck.engine import processes
from limbeck.engine.interruption import StoppedError
from limbeck.evidence.across import Across
from limbeck.evidence.repeats import RUN, Repeats, Trial, kept_of
from limbeck.page.comparison import ComparisonPage
from limbeck.text.opening import open_task

_STORE = "steps"
_HASH_CHARACTERS = 16


class Entry(NamedTuple):
    """One run: what is compared, on which data, with which seed."""

    name: str
    data: str
    seed: int


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        out: Its directory.
        across: All finished runs, by data set.
        failures: `recipe seed 0` (of several data sets `recipe on data seed 0`) → why that run was not finished.
        ran: `recipe seed 0: step` of every step that was run just now, the others being done before.
        page: The file that shows all of it.
    """

    out: Path
    across: Across
    failures: Mapping[str, str]
    ran: tuple[str, ...]
    page: Path

    @property
    def repeats(self) -> Repeats:
        """All finished runs on the only data set; of several, the means over them."""
        return self.across.deciding

    def table(self) -> str:
        """The means, the gains over the first, and where the page is."""
        return f"{self.across.text()}\n\npage: {self.page}"


@dataclass(frozen=True)
class Contest:
    """What is to be run, and what for.

    Attributes:
        runs: Run → its resolved recipe, in the order in which they are run.
        noun: What is compared: `recipe` or `encoder`.
        kind: What its directory and its page are called: `comparison` or `probe`.
        metrics: Data set → the metric to score by, where it is not the task's own; that of "" is for all others.
    """

    runs: Mapping[Entry, Recipe]
    noun: str = "recipe"
    kind: str = "comparison"
    metrics: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """What is compared."""
        return tuple(dict.fromkeys(entry.name for entry in self.runs))

    @property
    def sets(self) -> tuple[str, ...]:
        """The data sets."""
        return tuple(dict.fromkeys(entry.data for entry in self.runs))

    def title(self, entry: Entry) -> str:
        """What a run is called."""
        return f"{entry.name} {f'on {entry.data} ' * (len(self.sets) > 1)}seed {entry.seed}"

    def run(self, out: Path, log: Journal) -> Comparison:
        """Run all of it in a directory, or what is left of it.

        Raises:
            LimbeckError: Something that the user can mend, or no run at all was finished.
        """
        if processes.count() > 1:
            raise RecipeError(f"{self.kind}: its runs are made by one process; start it without torchrun or accelerate")
        self._check_metrics()
        self._foresee()
        claim_directory(out, (f"{self.kind}.json", f"{self.kind}.jsonl"), self.kind)
        with held(out, within=True):
            return _Runs(self, out, log.recording(out / f"{self.kind}.jsonl")).all()

    def _check_metrics(self) -> None:
        for data, metric in self.metrics.items():
            if data not in ("", *self.sets):
                raise RecipeError(f"--metric {data}={metric}: no such data set; there are {', '.join(self.sets)}")
            shelf("metrics").load(metric)

    def _foresee(self) -> None:
        """Refuse what cannot work before anything is run: each recipe on one data set, each data set with one."""
        first = next(iter(self.runs))
        for entry, recipe in self.runs.items():
            if entry.seed == first.seed and (entry.name == first.name or entry.data == first.data):
                try:
                    execution.foresee(recipe)
                except LimbeckError as error:
                    raise type(error)(f"{self.noun} {entry.name}: {error}") from None


def told(failures: Mapping[str, str]) -> str:
    """The runs that failed, each on a line with its reason."""
    return "\n".join(f"{run}: {reason}" for run, reason in failures.items())


@dataclass
class _Runs:
    """The runs of a contest, one after another, and what has come of them so far."""

    contest: Contest
    out: Path
    log: Journal
    metrics: dict[str, str] = field(default_factory=dict)
    trials: dict[str, list[Trial]] = field(default_factory=dict)
    evaluated: dict[str, Bundle] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    rows: dict[tuple[str, int], tuple[str, tuple[str, str]]] = field(default_factory=dict)

    def all(self) -> Comparison:
        """Read all data, then run everything; what is finished is published after each run that did anything."""
        runs = self.contest.runs
        for data in self.contest.sets:
            self.trials[data] = []
            self._read(next(entry for entry in runs if entry.data == data))
        for entry, recipe in runs.items():
            with contextlib.suppress(LimbeckError):  # which it will be told when it is its turn
                made = execution.found(recipe, self._place)
                if len(made) == len(recipe.steps):
                    self._keep(entry, self._trial(entry, recipe, made))
        for number, (entry, recipe) in enumerate(runs.items(), 1):
            title = self.contest.title(entry)
            self.log.say(f"══ {number}/{len(runs)} {title}")
            self.log.record("run", **{self.contest.noun: entry.name}, data=entry.data, seed=entry.seed, number=number)
            before = len(self.ran)
            try:
                self._keep(entry, self._trial(entry, recipe, self._walked(entry, recipe)))
            except StoppedError:
                raise
            except Exception as error:  # whatever it is, the hours of the other runs need not suffer for it
                self._keep(entry, None)
                self._failed(title, error)
            if self.evaluated and (len(self.ran) > before or number == len(runs)):
                self._publish()
            if entry.name == self.contest.names[-1] and len(self.ran) > before and title not in self.failures:
                shutil.rmtree(self.out / _STORE / "cache", ignore_errors=True)  # of teachers that no later seed has
        if not self.evaluated:
            raise LimbeckError(f"no run was finished:\n{told(self.failures)}")
        return Comparison(self.out, self._across(), self.failures, tuple(self.ran), self._file("html"))

    def _read(self, entry: Entry) -> None:
        """Prepare a data set, so that rows that cannot be used, or a metric, are refused before anything is trained."""
        recipe = self.contest.runs[entry]
        prepare = tuple(step for step in recipe.steps if step.stage == "prepare")
        data = self._walked(entry, recipe.model_copy(update={"steps": prepare}))[-1].bundle
        task = open_task(data)
        metric = self.contest.metrics.get(entry.data, self.contest.metrics.get("", task.primary))
        if metric not in task.metrics:
            raise RecipeError(
                f"--metric {metric}: {entry.data} is not measured by it but by {', '.join(task.metrics)}; "
                "give each data set its own as --metric DATA=NAME"
            )
        self.metrics[entry.data] = metric

    def _keep(self, entry: Entry, trial: Trial | None) -> None:
        """Put a run's result in the place of what there was of it before."""
        others = [t for t in self.trials[entry.data] if (t.recipe, t.seed) != (entry.name, entry.seed)]
        self.trials[entry.data] = [*others, *([] if trial is None else [trial])]

    def _trial(self, entry: Entry, recipe: Recipe, made: Sequence[execution.Done]) -> Trial:
        title, metric, evaluated = self.contest.title(entry), self.metrics[entry.data], made[-1].bundle
        self._save(recipe, made, self.out / "runs" / f"{title.replace(' ', '-')}.yaml")
        parents = evaluated.manifest["parents"]
        rows = (str(evaluated.facts["split"]), str(parents["data"]["digest"]))
        first, its = self.rows.setdefault((entry.data, entry.seed), (entry.name, rows))
        if rows != its:
            raise LimbeckError(
                f"it is measured on other rows than {first}: give both the same fields of prepare (max_rows, "
                f"fractions, seed) and the same evaluate.split ({rows[0]}, of {first} {its[0]})"
            )
        models = {role: str(parents[role]["digest"]) for role in evaluated.facts["roles"]}
        measured = read_measurements(evaluated.file("measurements.json"))
        if metric != evaluated.facts["primary"]:
            measured = kept_of(measured, metric, evaluated.facts["baseline"])
        trial = Trial(entry.name, entry.seed, [*measured, *self._costs(recipe, made)], models)
        if trial.find("student", metric) is None:
            raise LimbeckError(f"the {evaluated.facts['split']} rows define no {metric}; take another --metric")
        self.evaluated[entry.data] = evaluated
        return trial

    def _walked(self, entry: Entry, recipe: Recipe) -> list[execution.Done]:
        made: list[execution.Done] = []
        for one in execution.walk(recipe, self._place, self.log):
            made.append(one)
            self.ran += [f"{self.contest.title(entry)}: {one.step.title}"] if one.fresh else []
        return made

    def _place(self, step: Step, step_hash: str) -> Path:
        return self.out / _STORE / f"{step.stage}-{step_hash[:_HASH_CHARACTERS]}"

    def _save(self, recipe: Recipe, made: Sequence[execution.Done], path: Path) -> None:
        """Write the run's recipe, in which `out` and `from` name the places in the store."""
        places = {one.step.place: one.bundle.path.relative_to(self.out).as_posix() for one in made}
        steps = tuple(
            step.model_copy(
                update={
                    "out": places[step.place],
                    "inputs": {role: places.get(source, source) for role, source in step.inputs.items()},
                }
            )
            for step in recipe.steps
        )
        recipe.model_copy(update={"steps": steps}).save(path)

    def _costs(self, recipe: Recipe, made: Sequence[execution.Done]) -> Iterator[Measurement]:
        """Seconds of the student's own training, and of all steps as if this run had been alone."""
        roles = adapt.evaluation(recipe).inputs
        own = adapt.ancestry(recipe, roles["student"]) - adapt.ancestry(recipe, roles.get("teacher", ""))
        history = [r for one in made if one.step.place in own for r in one.bundle.facts.get("history", ())]
        yield Measurement("student", "training_seconds", sum(r["seconds"] for r in history), "s")
        spent = {e["hash"]: e["seconds"] for e in read_events(self._file("jsonl")) if e.get("event") == "done"}
        hashes = [one.bundle.manifest["step_hash"] for one in made]
        if all(step_hash in spent for step_hash in hashes):
            yield Measurement(RUN, "seconds", sum(spent[step_hash] for step_hash in hashes), "s")

    def _failed(self, run: str, error: Exception) -> None:
        self.failures[run] = str(error) if isinstance(error, LimbeckError) else f"{type(error).__name__}: {error}"
        self.log.record("failed", run=run, traceback="".join(traceback.format_exception(error)))
        self.log.warn(f"{run} failed: {self.failures[run]}")

    def _across(self) -> Across:
        return Across({data: self._repeats(data) for data in self.contest.sets})

    def _repeats(self, data: str) -> Repeats:
        metric = self.metrics[data]
        higher = shelf("metrics").build(shelf("metrics").parse(metric, "metrics")).higher_is_better
        return Repeats(self.contest.names, metric, tuple(self.trials[data]), self.contest.noun, higher)

    def _file(self, ending: str) -> Path:
        return self.out / f"{self.contest.kind}.{ending}"

    def _publish(self) -> None:
        across = self._across()
        write_json(self._file("json"), across.plain())
        known = sum(map(len, self.trials.values())) + len(self.failures)
        left = len(self.contest.runs) - known
        page = ComparisonPage(self.contest.kind, across, self.evaluated, self.failures, self._recipes, left)
        write_text(self._file("md"), page.markdown())
        write_text(self._file("html"), page.html())

    @cached_property
    def _recipes(self) -> dict[str, str]:
        """Name → its recipe on the first data set with the first seed, as YAML."""
        first = next(iter(self.contest.runs))
        return {
            entry.name: recipe.text()
            for entry, recipe in self.contest.runs.items()
            if (entry.data, entry.seed) == (first.data, first.seed)
        }

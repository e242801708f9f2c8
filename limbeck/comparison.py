"""Compares recipes on the same rows over several seeds: every step once, then a table, numbers and a page.

The results of all steps lie in one store, each under its stage and step hash, so that what recipes have in common (the
rows, the teacher, what the teacher answers) is made once, and what is there already is not made again. `benchmark`,
`package` and `report` are left out: a run here ends with the evaluation of its models.
"""

import difflib
import re
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from limbeck import adapt, execution
from limbeck.core.bundle import Bundle
from limbeck.core.errors import LimbeckError, RecipeError
from limbeck.core.files import claim_directory, write_json, write_text
from limbeck.core.holding import held
from limbeck.core.journal import Journal, read_events
from limbeck.core.measurement import Measurement, read_measurements
from limbeck.core.recipe import Recipe, Step, find_recipe, read_recipe
from limbeck.engine.interruption import StoppedError
from limbeck.evidence.repeats import RUN, Repeats, Trial
from limbeck.page.comparison import ComparisonPage

_NUMBERS, _LOG, _STORE = "comparison.json", "comparison.jsonl", "steps"
_HASH_CHARACTERS = 16
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        out: Its directory.
        repeats: All finished runs.
        failures: `recipe seed 0` → why that run was not finished.
        ran: `recipe seed 0: step` of every step that was run just now, the others being done before.
    """

    out: Path
    repeats: Repeats
    failures: Mapping[str, str]
    ran: tuple[str, ...]

    def table(self) -> str:
        """The means, the gains over the first recipe, and where the page is."""
        return f"{self.repeats.text()}\n\npage: {self.out / 'comparison.html'}"


@dataclass(frozen=True)
class _Plan:
    """What every recipe of a comparison is changed to."""

    rows: Mapping[str, str]
    teacher: str | None
    fresh_teacher: bool
    student: str | None
    precision: str | None
    until: str | None
    strict: bool
    settings: Sequence[str]

    def recipe(self, label: str, path: Path, seed: int) -> Recipe:
        """A recipe for these rows and a seed, resolved, with no step that its evaluation does not need."""
        try:
            recipe = execution.resolve(read_recipe(path)).override([f"seed={seed}"])
            recipe = adapt.to_rows(recipe, self.rows)
            if self.teacher is not None:
                recipe = adapt.to_teacher(recipe, self.teacher)
            if self.fresh_teacher:
                recipe = adapt.to_fresh_teacher(recipe)
            if self.student is not None:
                recipe = adapt.to_student(recipe, self.student)
            if self.precision is not None:
                recipe = adapt.to_precision(recipe, self.precision)
            if self.strict:
                recipe = adapt.to_strict(recipe)
            recipe = adapt.to_evaluation(execution.resolve(recipe), self.until)
            titles = {step.title for step in recipe.steps}
            own = [setting for setting in self.settings if _step_of(setting) in titles]
            return execution.resolve(recipe.override(own))
        except LimbeckError as error:
            raise type(error)(f"recipe {label}: {error}") from None


def compare(
    recipes: Sequence[str | Path],
    *,
    data: str | Path,
    out: str | Path,
    seeds: Sequence[int] = (0, 1, 2),
    dev: str | Path | None = None,
    test: str | Path | None = None,
    task: str | None = None,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    teacher: str | None = None,
    fresh_teacher: bool = False,
    student: str | None = None,
    precision: str | None = None,
    until: str | None = None,
    strict: bool = False,
    settings: Sequence[str] = (),
    log: Journal | None = None,
) -> Comparison:
    """Run recipes on the same rows, each with several seeds, and compare what comes out.

    Args:
        recipes: Names of recipes that come with Limbeck, or files; `NAME=FILE` gives one another name.
        data: CSV, TSV, JSONL, Parquet, CoNLL, or a `datasets` folder.
        out: The comparison's directory; one that is there is continued.
        seeds: Of each recipe's runs. Without `test` (or `dev`) each seed also splits the rows anew.
        dev: Rows to choose the best weights by.
        test: Rows to measure on.
        task: A task of the shelf; this and what follows is detected if not given.
        text: Column of the text or the words.
        pair: Column of the second text.
        label: Column of the label or the tags.
        encoding: The files' encoding.
        teacher: Model that every recipe begins from; each recipe's own if not given.
        fresh_teacher: Fine-tune it for every seed even if it answers with these labels already.
        student: Shape (or model) of every student that is distilled; each recipe's own if not given.
        precision: Of all training: `fp32`, `bf16` (faster with AMX or a GPU) or `fp16`; the recipe's if not given.
        until: Last role to be made and evaluated, as `student`; all that a recipe evaluates if not given.
        strict: Stop at a damaged checkpoint, rather than go on from the one before.
        settings: `step.field=value` texts, each for the recipes that have such a step.
        log: Where progress goes; standard error if not given.

    Raises:
        LimbeckError: Something that the user can mend, or no run at all was finished.
    """
    rows = adapt.rows_of(data, dev=dev, test=test, task=task, text=text, pair=pair, label=label, encoding=encoding)
    plan = _Plan(rows, teacher, fresh_teacher, student, precision, until, strict, settings)
    paths, out, log = _labelled(recipes), Path(out), log or Journal()
    wanted = {(name, n): plan.recipe(name, path, n) for n in _checked(seeds) for name, path in paths.items()}
    _check_settings(settings, list(wanted.values()))
    for (name, seed), recipe in wanted.items():
        if seed == seeds[0]:
            _foresee(name, recipe)
    _check_student(student, {name: recipe for (name, _), recipe in wanted.items()}, log)
    claim_directory(out, (_NUMBERS, _LOG), "comparison")
    with held(out, within=True):
        return _Runs(out, tuple(paths), log.recording(out / _LOG)).all(wanted)


def told(failures: Mapping[str, str]) -> str:
    """The runs that failed, each on a line with its reason."""
    return "\n".join(f"{run}: {reason}" for run, reason in failures.items())


def _labelled(references: Sequence[str | Path]) -> dict[str, Path]:
    """What each recipe is called → its file."""
    found: dict[str, Path] = {}
    for reference in map(str, references):
        label, separator, rest = reference.partition("=")
        path = find_recipe(rest if separator else reference)
        label = label if separator else path.stem
        if not re.fullmatch(r"\w[\w.-]*", label, re.ASCII):
            raise RecipeError(f"{reference}: the name {label!r} may hold letters, digits, _ . - only; write NAME=FILE")
        if label in found:
            raise RecipeError(f"{reference}: two recipes are called {label!r}; tell them apart as NAME=FILE")
        found[label] = path
    if not found:
        raise RecipeError("no recipe to compare; name at least one")
    return found


def _checked(seeds: Sequence[int]) -> Sequence[int]:
    wrong = [n for n in seeds if not isinstance(n, int) or not 0 <= n <= _LARGEST_SEED]
    if wrong or not seeds or len(set(seeds)) < len(seeds):
        raise RecipeError(
            f"seeds {', '.join(map(str, seeds)) or '(none)'}: give different whole numbers from 0 to {_LARGEST_SEED}"
        )
    return seeds


def _step_of(setting: str) -> str:
    return re.split(r"[.\[=]", setting.strip(), maxsplit=1)[0]


def _check_settings(settings: Sequence[str], recipes: Sequence[Recipe]) -> None:
    """Refuse what no recipe takes: each takes only the settings of its own steps."""
    titles = list(dict.fromkeys(step.title for recipe in recipes for step in recipe.steps))
    for setting in settings:
        if (name := _step_of(setting)) == "seed":
            raise RecipeError(f"--set {setting}: the seeds of a comparison are given by --seeds")
        if name not in titles:
            near = difflib.get_close_matches(name, titles, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ";"
            raise RecipeError(f"--set {setting}: no step {name!r} is run{hint} the steps are {', '.join(titles)}")


def _check_student(shape: str | None, recipes: Mapping[str, Recipe], log: Journal) -> None:
    """Tell whose students keep a shape of their own, and refuse a shape that none takes."""
    if shape is None or not (own := [label for label, recipe in recipes.items() if not adapt.takes_shape(recipe)]):
        return
    if len(own) == len(recipes):
        raise RecipeError(f"--student {shape}: no recipe distils its student, so none takes a shape; leave it out")
    log.warn(f"--student {shape}: {', '.join(own)} make no student by distilling, and keep its own shape")


def _foresee(label: str, recipe: Recipe) -> None:
    try:
        execution.foresee(recipe)
    except LimbeckError as error:
        raise type(error)(f"recipe {label}: {error}") from None


@dataclass
class _Runs:
    """The runs of a comparison, one after another, and what has come of them so far."""

    out: Path
    labels: tuple[str, ...]
    log: Journal
    trials: list[Trial] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    evaluated: Bundle | None = None

    def all(self, wanted: Mapping[tuple[str, int], Recipe]) -> Comparison:
        """Run every recipe with every seed; what is finished is published after each that did anything."""
        for number, ((label, seed), recipe) in enumerate(wanted.items(), 1):
            self.log.say(f"══ {number}/{len(wanted)} {label} seed {seed}")
            self.log.record("run", recipe=label, seed=seed, number=number, of=len(wanted))
            before = len(self.ran)
            try:
                self.trials.append(self._one(label, seed, recipe))
            except StoppedError:
                raise
            except Exception as error:  # whatever it is, the hours of the other runs need not suffer for it
                self._failed(f"{label} seed {seed}", error)
            if self.evaluated is not None and (len(self.ran) > before or number == len(wanted)):
                self._publish(self.evaluated, wanted)
            if label == self.labels[-1]:
                shutil.rmtree(self.out / _STORE / "cache", ignore_errors=True)  # of teachers that no later seed has
        if self.evaluated is None:
            raise LimbeckError(f"no run was finished:\n{told(self.failures)}")
        return Comparison(self.out, self._repeats(self.evaluated), self.failures, tuple(self.ran))

    def _one(self, label: str, seed: int, recipe: Recipe) -> Trial:
        made: list[execution.Done] = []
        for one in execution.walk(recipe, self._place, self.log):
            made.append(one)
            self.ran += [f"{label} seed {seed}: {one.step.title}"] if one.fresh else []
        self._save(recipe, made, self.out / "runs" / f"{label}-seed-{seed}.yaml")
        self.evaluated = made[-1].bundle
        parents = self.evaluated.manifest["parents"]
        models = {role: str(parents[role]["digest"]) for role in self.evaluated.facts["roles"]}
        measured = read_measurements(self.evaluated.file("measurements.json"))
        return Trial(label, seed, [*measured, *self._costs(recipe, made)], models)

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
        spent = {e["hash"]: e["seconds"] for e in read_events(self.out / _LOG) if e.get("event") == "done"}
        hashes = [one.bundle.manifest["step_hash"] for one in made]
        if all(step_hash in spent for step_hash in hashes):
            yield Measurement(RUN, "seconds", sum(spent[step_hash] for step_hash in hashes), "s")

    def _failed(self, run: str, error: Exception) -> None:
        self.failures[run] = str(error) if isinstance(error, LimbeckError) else f"{type(error).__name__}: {error}"
        self.log.record("failed", run=run, traceback="".join(traceback.format_exception(error)))
        self.log.warn(f"{run} failed: {self.failures[run]}")

    def _repeats(self, evaluated: Bundle) -> Repeats:
        return Repeats(self.labels, str(evaluated.facts["primary"]), tuple(self.trials))

    def _publish(self, evaluated: Bundle, wanted: Mapping[tuple[str, int], Recipe]) -> None:
        repeats = self._repeats(evaluated)
        write_json(self.out / _NUMBERS, repeats.plain())
        _, seed = next(iter(wanted))
        recipes = {label: wanted[label, seed].text() for label in self.labels}
        page = ComparisonPage(repeats, evaluated, self.failures, recipes)
        write_text(self.out / "comparison.md", page.markdown())
        write_text(self.out / "comparison.html", page.html())

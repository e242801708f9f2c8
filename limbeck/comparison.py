"""Compares recipes on the same rows over several seeds: a table, numbers and a page."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck import adapt, execution
from limbeck.contest import Comparison, Contest, Entry
from limbeck.core.errors import DataError, LimbeckError, RecipeError
from limbeck.core.files import there
from limbeck.core.journal import Journal
from limbeck.core.recipe import Recipe, find_recipe, read_recipe
from limbeck.stages.prepare import named_after

_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """What every recipe is changed to.

    Attributes:
        rows: What a data set is called → the fields of `prepare` for it.
        fresh_teacher: Whether a model that answers with these labels already is fine-tuned all the same.
        student: Shape (or model) of every student that is distilled; None leaves each recipe's own.
        precision: Of all training; None leaves each recipe's own.
        until: Last role to be made and evaluated; None takes all.
        strict: Whether a damaged checkpoint ends a training.
        settings: `step.field=value` texts, each for the recipes that have such a step.
    """

    rows: Mapping[str, Mapping[str, str]]
    fresh_teacher: bool = False
    student: str | None = None
    precision: str | None = None
    until: str | None = None
    strict: bool = False
    settings: Sequence[str] = ()

    def recipe(self, entry: Entry, path: Path, teacher: str | None) -> Recipe:
        """The recipe of a run, resolved, with no step that its evaluation does not need.

        Args:
            entry: The run.
            path: The recipe's file.
            teacher: The model that it begins from; its own if None.
        """
        recipe = execution.resolve(read_recipe(path)).override([f"seed={entry.seed}"])
        recipe = adapt.to_rows(recipe, self.rows[entry.data])
        if teacher is not None:
            recipe = adapt.to_teacher(recipe, teacher)
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

    def runs(
        self, contestants: Mapping[str, tuple[Path, str | None]], seeds: Sequence[int], noun: str
    ) -> dict[Entry, Recipe]:
        """Run → its recipe, seed by seed and data set by data set.

        Args:
            contestants: What each is called → a recipe's file and the model that it begins from.
            seeds: Of the runs.
            noun: What the contestants are, for messages.

        Raises:
            LimbeckError: A seed, a recipe or a setting is wrong; nothing has run yet.
        """
        found: dict[Entry, Recipe] = {}
        for entry in (Entry(name, data, n) for n in _checked(seeds) for data in self.rows for name in contestants):
            try:
                found[entry] = self.recipe(entry, *contestants[entry.name])
            except LimbeckError as error:
                raise type(error)(f"{noun} {entry.name}: {error}") from None
        _check_settings(self.settings, list(found.values()))
        return found


def compare(
    recipes: Sequence[str | Path],
    *,
    data: str | Path | Sequence[str | Path],
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
    metric: str | Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
    log: Journal | None = None,
) -> Comparison:
    """Run recipes on the same rows, each with several seeds, and compare what comes out.

    Args:
        recipes: Names of recipes that come with Limbeck, or files; `NAME=FILE` gives one another name.
        data: A file or folder of rows, or several; `NAME=DATA` gives one another name.
        out: The comparison's directory; one that is there is continued.
        seeds: Of each recipe's runs. Without `test` (or `dev`) each seed also splits the rows anew.
        dev: Rows to choose the best weights by; of several data sets they lie beside the rows to train on.
        test: Rows to measure on; likewise.
        task: A task of the shelf; this and what follows is detected if not given.
        text: Column of the text or the words.
        pair: Column of the second text.
        label: Column of the label or the tags.
        encoding: The files' encoding.
        teacher: Model that every recipe begins from; each recipe's own if not given.
        fresh_teacher: Fine-tune it for every seed even if it answers with these labels already.
        student: Shape (or model) of every student that is distilled; each recipe's own if not given.
        precision: Of all training: `fp32`, `bf16` (faster on GPUs and many CPUs) or `fp16`; the recipe's if not given.
        until: Last role to be made and evaluated, as `student`; all that a recipe evaluates if not given.
        strict: Stop at a damaged checkpoint, rather than go on from the one before.
        metric: A metric of the shelf that the task is measured by, to be shown instead of the task's own; or one for
            each data set by its name. Training goes on to choose by the task's own, and nothing is run again.
        settings: `step.field=value` texts, each for the recipes that have such a step.
        log: Where progress goes; standard error if not given.

    Raises:
        LimbeckError: Something that the user can mend, or no run at all was finished.
    """
    columns = {"task": task, "text": text, "pair": pair, "label": label, "encoding": encoding}
    plan = Plan(rows_of(data, dev, test, columns), fresh_teacher, student, precision, until, strict, settings)
    log, paths = log or Journal(), _found(recipes)
    runs = plan.runs({name: (path, teacher) for name, path in paths.items()}, seeds, "recipe")
    _check_student(student, {entry.name: recipe for entry, recipe in runs.items()}, log)
    return Contest(runs, metrics=metrics_of(metric)).run(Path(out), log)


def rows_of(
    data: str | Path | Sequence[str | Path],
    dev: str | Path | None,
    test: str | Path | None,
    columns: Mapping[str, str | None],
) -> dict[str, dict[str, str]]:
    """What each data set is called → the fields of `prepare` for it.

    Raises:
        RecipeError: A name is wrong or stands twice, or `dev` or `test` are given for several data sets.
        DataError: A data set stands twice.
    """
    references = [data] if isinstance(data, str | Path) else list(data)
    named = labelled(references, "data set", "DATA", _plain_name)
    if len(named) > 1 and (dev or test):
        raise RecipeError(
            "--dev and --test are of a single data set; of several, give folders that hold files called train, dev "
            "and test"
        )
    rows = {name: adapt.rows_of(path, dev=dev, test=test, **columns) for name, path in named.items()}
    names: dict[str, str] = {}
    for name, fields in rows.items():
        if (other := names.setdefault(fields["train"], name)) != name:
            raise DataError(f"{fields['train']}: stands twice, as {other} and {name}; leave one of them out")
    return rows


def _plain_name(train: str) -> str:
    """What a data set is called whose name is not given."""
    return re.sub(r"[^\w.-]+", "_", named_after(train)).lstrip(".-") or "data"


def metrics_of(metric: str | Mapping[str, str] | None) -> dict[str, str]:
    """Data set → metric; that of "" is for all others."""
    return {"": metric} if isinstance(metric, str) else dict(metric or {})


def labelled(
    references: Sequence[str | Path], noun: str, placeholder: str, named: Callable[[str], str]
) -> dict[str, str]:
    """What each reference is called → the reference.

    Args:
        references: `NAME=REFERENCE`, or a reference alone.
        noun: What they are, for messages.
        placeholder: What stands for a reference there.
        named: What a reference without a name is called.

    Raises:
        RecipeError: There is none, or a name is wrong or stands twice.
    """
    found: dict[str, str] = {}
    for text in map(str, references):
        name, separator, rest = text.partition("=")
        if not separator or there(text):
            name, rest = named(text), text
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise RecipeError(
                f"{text}: the name {name!r} may hold letters, digits, _ . - only; write NAME={placeholder}"
            )
        if name in found:
            raise RecipeError(f"{text}: two {noun}s are called {name!r}; tell them apart as NAME={placeholder}")
        found[name] = rest
    if not found:
        raise RecipeError(f"no {noun} is given; name at least one")
    return found


def _found(recipes: Sequence[str | Path]) -> dict[str, Path]:
    """What each recipe is called → its file."""
    named = labelled(recipes, "recipe", "FILE", lambda reference: find_recipe(reference).stem)
    return {name: find_recipe(reference) for name, reference in named.items()}


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

"""Whole runs: of a recipe, of the default one, of the demo, of a single stage."""

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck import adapt
from limbeck.core.bundle import Bundle, is_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.files import claim_directory, there, write_bytes
from limbeck.core.holding import held
from limbeck.core.journal import Journal
from limbeck.core.measurement import Measurement, read_measurements
from limbeck.core.recipe import Recipe, find_recipe, from_plain, read_recipe
from limbeck.core.shape import is_shape
from limbeck.core.spec import parse
from limbeck.engine import processes
from limbeck.execution import foresee, foresee_step, load_stage, resolve, run_step, spec_of, walk
from limbeck.text.token_store import store_given

PUBLISHED = ("report.html", "measurements.json")
"""Files of a report that are laid beside the recipe when a run ends."""
_MARKS = ("recipe.yaml", "log.jsonl")
"""A directory that holds one of these is a run of ours."""
_DEMO = (
    "finetune.max_length=64",
    "finetune.epochs=2",
    "distil.phases[0].epochs=1",
    "distil.phases[0].learning_rate=2.0e-4",
    "distil.phases[1].epochs=1",
    "quantize.min_agreement=0.95",
)
"""What makes the demo end within minutes on two cores: an epoch or two of everything, the first of the student at a
higher rate. Of a student trained so briefly many answers are close calls, of which int8 turns a few more than of a
finished one."""
_MEASURES = ("evaluate", "benchmark")


@dataclass(frozen=True)
class Result:
    """What a run made.

    Attributes:
        out: The run's directory.
        bundles: Step name → its Bundle.
        ran: Names of the steps that were run, the others being done before.
    """

    out: Path
    bundles: Mapping[str, Bundle]
    ran: tuple[str, ...]

    @property
    def measurements(self) -> list[Measurement]:
        """Every number that the run measured."""
        report = self._made_by("report")
        return read_measurements(report.file("measurements.json")) if report else []

    def table(self) -> str:
        """The table of models, and where the report is."""
        from limbeck.evidence.raw_text import is_from_text
        from limbeck.evidence.table import render_text, rows

        evaluated, package, measured = self._made_by("evaluate"), self._made_by("package"), self.measurements
        lines = [f"report: {self.out / 'report.html'}"] if measured else []
        if evaluated is not None and measured:
            table = render_text(rows(measured, evaluated.facts["roles"], evaluated.facts["primary"]))
            lines += [f"bundle: {package.path}"] if package else []
        elif trained := [bundle for bundle in self.bundles.values() if is_from_text(bundle)]:
            made = self.bundles.values()
            table = _text_table({str(b.path.relative_to(self.out)): b for b in made if b.facts.get("dims")})
            lines += [f"model: {trained[-1].path}"]
        else:
            return f"done: {', '.join(str(b.path) for b in self.bundles.values())}"
        return "\n".join([table, "", *lines])

    def _made_by(self, stage: str) -> Bundle | None:
        return next((b for b in self.bundles.values() if b.manifest["stage"] == stage), None)


def table_of(bundle: Bundle) -> str:
    """What an evaluation, a benchmark or a training on raw text measured, a row for each model; empty for others."""
    from limbeck.evidence.raw_text import is_from_text
    from limbeck.evidence.table import render_text, rows

    if is_from_text(bundle):
        return _text_table({bundle.path.name: bundle})
    if bundle.stage not in _MEASURES:
        return ""
    measured = read_measurements(bundle.file("measurements.json"))
    roles = list(dict.fromkeys(m.model for m in measured))
    return render_text(rows(measured, roles, bundle.facts.get("primary", "")))


def _text_table(models: Mapping[str, Bundle]) -> str:
    """Scores on documents held out, parameters and time of models by name."""
    from limbeck.evidence.raw_text import measured, text_rows
    from limbeck.evidence.table import render_text

    return render_text(text_rows([m for name, one in models.items() for m in measured(name, one)], models))


def run(recipe: Recipe, out: str | Path, log: Journal | None = None) -> Result:
    """Run a recipe in a directory.

    Args:
        recipe: What to do.
        out: The run's directory; made if absent. The resolved recipe is written there first.
        log: Where progress goes; standard error if not given.

    Raises:
        LimbeckError: `out` is not a run of ours, or a step failed; finished steps stay finished.
    """
    out, resolved = Path(out), resolve(recipe)
    foresee(resolved)
    if not processes.is_first():
        made = list(walk(resolved, lambda step, _: out / step.place, Journal(quiet=True)))
    else:
        claim_directory(out, _MARKS, "run")
        with held(out, within=True):
            resolved.save(out / "recipe.yaml")
            made = list(walk(resolved, lambda step, _: out / step.place, _recording(log or Journal(), out)))
            _publish((one.bundle for one in made), out)
    processes.wait()
    return Result(out, {one.step.title: one.bundle for one in made}, tuple(one.step.title for one in made if one.fresh))


def _recording(log: Journal, out: Path) -> Journal:
    return log.recording(out / "log.jsonl")


def _publish(bundles: Iterable[Bundle], out: Path) -> None:
    for bundle in bundles:
        if bundle.stage == "report":
            for name in PUBLISHED:
                write_bytes(out / name, bundle.file(name).read_bytes())


def run_file(
    reference: str | Path,
    out: Path,
    settings: Sequence[str],
    log: Journal,
    *,
    data: str | Path | None = None,
    corpus: str | None = None,
    teacher: str | None = None,
    student: str | None = None,
    strict: bool = False,
) -> Result:
    """Run a recipe on other data, with another teacher or student, if they are given.

    Args:
        reference: Its file, or the name of a shipped one.
        out: The run's directory.
        settings: `step.field=value` texts.
        log: Where progress goes.
        data: A file of rows.
        corpus: Raw text.
        teacher: A model for the one that it begins from.
        student: A shape, or a model, for its student's.
        strict: As `compress` has it.
    """
    recipe = resolve(read_recipe(find_recipe(reference)))
    if data is not None:
        recipe = adapt.to_rows(recipe, adapt.rows_of(data, dev=None, test=None))
    if corpus is not None:
        recipe = adapt.to_corpus(recipe, corpus)
    if teacher is not None:
        recipe = adapt.to_teacher(recipe, teacher)
    if student is not None:
        recipe = adapt.to_student(recipe, student)
    return run((adapt.to_strict(recipe) if strict else recipe).override(settings), out, log)


def compress(
    data: str | Path,
    out: str | Path,
    *,
    dev: str | Path | None = None,
    test: str | Path | None = None,
    task: str | None = None,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    teacher: str = "minilm-l6",
    student: str = "half",
    precision: str | None = None,
    seed: int = 0,
    settings: Sequence[str] = (),
    force: bool = False,
    strict: bool = False,
    log: Journal | None = None,
) -> Result:
    """Turn labelled text into a small verified model.

    Args:
        data: CSV, TSV, JSONL, Parquet, CoNLL, or a `datasets` folder.
        out: The run's directory.
        dev: Rows to choose the best weights by; split off `data` if not given.
        test: Rows to measure on; split off `data` if not given.
        task: A task of the shelf; detected if not given.
        text: Column of the text or the words; detected if not given.
        pair: Column of the second text; detected if not given.
        label: Column of the label or the tags; detected if not given.
        encoding: The files' encoding; UTF-8 if not given.
        teacher: A directory, `hf:org/name[@revision]`, or `minilm-l6`.
        student: `3x384`, `layers=3,hidden=192,…` (any of the four), `half`, `third`, `tiny` or `same`; or a model.
        precision: Of all training: `fp32`, `bf16` (faster on GPUs and many CPUs) or `fp16`; the recipe's if not given.
        seed: Decides every random choice.
        settings: `step.field=value` texts for everything else.
        force: Ship the quantised model even if its gate refuses it.
        strict: Stop at a damaged checkpoint, rather than go on from the one before.
        log: Where progress goes; standard error if not given.

    Returns:
        The run: `out`, its Bundles, measurements and table.

    Raises:
        LimbeckError: Something that the user can mend; says what and how.
    """
    rows = adapt.rows_of(data, dev=dev, test=test, task=task, text=text, pair=pair, label=label, encoding=encoding)
    recipe = resolve(read_recipe(find_recipe("compress"))).override([f"seed={seed}"])
    recipe = adapt.to_student(adapt.to_teacher(adapt.to_rows(recipe, rows), teacher), student)
    if precision is not None:
        recipe = adapt.to_precision(recipe, precision)
    if force:
        recipe = adapt.to_shipped(recipe)
    if strict:
        recipe = adapt.to_strict(recipe)
    recipe = resolve(resolve(recipe).override(settings))
    journal = log or Journal()
    journal.say(recipe.text())
    return run(recipe, out, journal)


def demo(out: Path, rows: int | None, settings: Sequence[str], log: Journal) -> Result:
    """Compress a model on docstrings of installed libraries: which library is a sentence from?

    Args:
        out: The run's directory; the sentences are written there too.
        rows: How many sentences; all of the default 10 000 if None.
        settings: `step.field=value` texts, over the demo's own.
        log: Where progress goes.
    """
    from limbeck.text.docstrings import write_demo

    claim_directory(out, _MARKS, "run")
    with held(out, within=True):
        _recording(log, out).record("demo", rows=rows)
        log.say("reading the docstrings of installed libraries")
        train, dev, test = write_demo(out / "docstrings", **({} if rows is None else {"rows": rows}))
    return compress(train, out, dev=dev, test=test, settings=[*_DEMO, *settings], log=log)


def run_stage(
    stage: str,
    inputs: Mapping[str, str | Path | Bundle],
    fields: Mapping[str, Any],
    out: Path,
    settings: Sequence[str],
    log: Journal,
) -> Bundle:
    """Run one stage by itself.

    Args:
        stage: Its name.
        inputs: Role → Bundle or path. `data` may be a file of rows, which is prepared beside `out` first; `corpus` raw
            text, which is cut into tokens there, and its `teacher` any model, which is imported there; `run` stands
            for all that the run in that directory gives to its report.
        fields: Its fields.
        out: Where its Bundle goes.
        settings: `field=value` texts, read as YAML.
        log: Where progress goes.
    """
    texts = [s if s.startswith(f"{stage}.") else f"{stage}.{s}" for s in settings]
    places = {role: value.path if isinstance(value, Bundle) else Path(value) for role, value in inputs.items()}
    plain = {"limbeck": 1, "steps": [{"stage": stage, "from": {r: str(p) for r, p in places.items()}, **fields}]}
    step = resolve(from_plain(plain, stage)).override(texts).steps[0]
    spec = spec_of(step, seed=0)
    files = {name: Path(v) for name, v in fields.items() if isinstance(v, str) and there(v)}
    _check_place(out, stage, {**places, **files})
    opened: dict[str, Bundle] = {}
    raw: dict[str, str] = {}
    for role, value in inputs.items():
        if role == "run":
            opened |= _inputs_of_report(Path(str(value)))
        elif role == "tokenizer" and stage != "tokenize":
            continue  # of raw text, which is cut by it first
        elif isinstance(value, Bundle):
            opened[role] = value
        elif _is_raw(stage, role, str(value), inputs):
            raw[role] = str(value)
        else:
            opened[role] = open_bundle(value)
    if raw:
        known = {"teacher": _import_foreseen(raw["teacher"], spec)} if "teacher" in raw else {}
        foresee_step(stage, spec, {**opened, **dict.fromkeys(raw), **known})
        makers: dict[str, Callable[[str], Bundle]] = {
            "data": lambda rows: _prepare_beside(out, stage, rows, log),
            "corpus": lambda text: _tokenize_beside(out, text, _tokenizer_for(spec, inputs), log),
            "teacher": lambda model: run_stage(
                "import_checkpoint", {}, _imported(model, spec), _beside(out, "teacher"), (), log
            ),
        }
        opened |= {role: makers[role](value) for role, value in raw.items()}
    with held(out) if processes.is_first() else contextlib.nullcontext():
        bundle, _ = run_step(stage, spec, opened, lambda _: out, log, stage)
    return bundle


def _is_raw(stage: str, role: str, value: str, roles: Collection[str]) -> bool:
    """Whether a Bundle is to be made of what is given first: of rows, of raw text, of a teacher that reads such."""
    if role == "corpus":
        return stage != "report" and store_given(value) is None
    return (role == "data" or (role == "teacher" and "corpus" in roles)) and not is_bundle(Path(value))


def _check_place(out: Path, stage: str, sources: Mapping[str, Path]) -> None:
    """Refuse to write a result over what it is made from, or over what another stage has made."""
    if itself := [role for role, source in sources.items() if source.resolve() == out.resolve()]:
        raise RecipeError(f"{out}: is the {itself[0]}, and the result would take its place; choose another --out")
    if is_bundle(out) and (its := open_bundle(out).stage) != stage:
        raise BundleError(f"{out}: `{its}` has made it, and `{stage}` does not overwrite that; choose another --out")


def _beside(out: Path, role: str) -> Path:
    """Where what a stage is given is made first, if it is not there as a Bundle."""
    return out.with_name(f"{out.name}-{role}")


def _prepare_beside(out: Path, stage: str, rows: str, log: Journal) -> Bundle:
    """A data Bundle of a file of rows. What measures models measures on all of them; what trains sets some aside."""
    place = _beside(out, "data")
    if stage not in _MEASURES:
        return run_stage("prepare", {}, {"train": rows}, place, (), log)
    fields = {"train": rows, "dev": rows, "test": rows, "min_rows": 1}
    data = run_stage("prepare", {}, fields, place, (), Journal(quiet=True))
    log.say(f"{rows}: measured on all {data.facts['counts']['test']} rows")
    return data


def _tokenizer_for(spec: Any, inputs: Mapping[str, str | Path | Bundle]) -> str | Bundle | None:
    """What a corpus is to be cut by: what is said, or what the model has that will read it; None if it has none yet."""
    if "tokenizer" in inputs or "teacher" in inputs:
        said = inputs["tokenizer" if "tokenizer" in inputs else "teacher"]
        return said if isinstance(said, Bundle) else str(said)
    return None if is_shape(spec.model) else str(spec.model)


def _imported(model: str, spec: Any) -> dict[str, Any]:
    """What imports a model, with the heads that it has, for a stage with these fields."""
    length = spec.model_dump().get("max_length")
    return {"config": model, **({} if length is None else {"max_length": length})}


def _import_foreseen(model: str, spec: Any) -> Any:
    """What will come of a model that is to be imported."""
    stage = "import_checkpoint"
    return foresee_step(stage, parse(load_stage(stage).Spec, _imported(model, spec), stage), {})


def _tokenize_beside(out: Path, corpus: str, tokenizer: str | Bundle | None, log: Journal) -> Bundle:
    """A token store of raw text; where nothing is known to cut it by, a tokenizer is trained on it first."""
    place = _beside(out, "corpus")
    if tokenizer is None:
        tokenizer = run_stage("tokenizer", {}, {"corpus": corpus}, _beside(out, "tokenizer"), (), log)
    if isinstance(tokenizer, Bundle) or is_bundle(Path(tokenizer)):
        return run_stage("tokenize", {"tokenizer": tokenizer}, {"corpus": corpus}, place, (), log)
    return run_stage("tokenize", {}, {"corpus": corpus, "tokenizer": tokenizer}, place, (), log)


def _inputs_of_report(folder: Path) -> dict[str, Bundle]:
    """What the run in a directory gives to its report; a model by itself, if one lies there."""
    if is_bundle(folder):
        return {folder.resolve().name: open_bundle(folder)}
    if not (folder / "recipe.yaml").is_file():
        known = "the --out of `compress`, `run` or `pretrain`"
        raise RecipeError(f"{folder}: neither a run (no recipe.yaml) nor a Bundle is here; give {known}")
    recipe = read_recipe(folder / "recipe.yaml")
    for step in recipe.steps:
        if step.stage == "report":
            return {role: open_bundle(folder / place) for role, place in step.inputs.items()}
    raise RecipeError(f"{folder / 'recipe.yaml'}: has no step `report` to take the inputs from")

"""Walks a recipe: resolves every step, skips what is done, runs the rest.

Under `torchrun` the first process decides and writes; the others take part where a stage trains.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from limbeck.core.bundle import MANIFEST, Bundle, is_bundle, open_bundle, step_hash
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.files import remove, sibling
from limbeck.core.journal import Journal
from limbeck.core.recipe import Recipe, Step
from limbeck.core.shelf import missing_extra
from limbeck.core.spec import Spec, parse
from limbeck.engine import checkpoints, processes

_STAGES = Path(__file__).parent / "stages"


def stage_names() -> tuple[str, ...]:
    """The stages there are: the files of `limbeck/stages`."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules([str(_STAGES)])))


def load_stage(name: str) -> ModuleType:
    """Import a stage.

    Raises:
        RecipeError: There is no such stage.
        ShelfError: A library that it needs is not installed.
    """
    if name not in stage_names():
        raise RecipeError(f"no stage {name!r}; there are {', '.join(stage_names())}")
    try:
        return importlib.import_module(f"limbeck.stages.{name}")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("limbeck"):
            raise
        raise missing_extra(error.name or "?", f"the stage {name!r}") from None


def resolve(recipe: Recipe) -> Recipe:
    """Fill in every field of every step.

    Raises:
        RecipeError: A stage, a field or a reference is wrong; nothing has run yet.
    """
    return recipe.model_copy(
        update={
            "steps": tuple(
                s.model_copy(update={"fields": spec_of(s, recipe.seed).model_dump(mode="json")}) for s in recipe.steps
            )
        }
    )


def spec_of(step: Step, seed: int) -> Spec:
    """A step's fields, checked; the recipe's seed where a stage has one and the step names none.

    Where a stage's `defaults` depend on what it is given, they are taken before those of its Spec.
    """
    module = load_stage(step.stage)
    kind = module.Spec
    fields = {**(module.defaults(step.inputs) if hasattr(module, "defaults") else {}), **step.fields}
    if "seed" in kind.model_fields:
        fields.setdefault("seed", seed)
    spec: Spec = parse(kind, fields, step.title)
    return spec


@dataclass(frozen=True)
class Done:
    """A step with its result, and whether it was run just now rather than before."""

    step: Step
    bundle: Bundle
    fresh: bool


def walk(recipe: Recipe, place: Callable[[Step, str], Path], log: Journal) -> Iterator[Done]:
    """Run the steps of a resolved recipe in turn, but for those whose results are there.

    Args:
        recipe: What to do.
        place: Where the result of a step goes, which may depend on its hash.
        log: Where progress goes.
    """
    made: dict[str, Bundle] = {}
    for step in recipe.steps:
        inputs = {
            role: made[source] if source in made else _open_input(step, role, source, made)
            for role, source in step.inputs.items()
        }
        spec = spec_of(step, recipe.seed)
        bundle, fresh = run_step(step.stage, spec, inputs, partial(_own_place, place, step, log), log, step.title)
        made[step.place] = bundle
        yield Done(step, bundle, fresh)


def found(recipe: Recipe, place: Callable[[Step, str], Path]) -> list[Done]:
    """The steps of a resolved recipe with their results as far as these are there; nothing is run, and no hash checked.

    Args:
        recipe: What is asked about.
        place: As `walk`'s.
    """
    made: dict[str, Bundle] = {}
    done: list[Done] = []
    for step in recipe.steps:
        inputs = {role: made.get(source) or open_bundle(source) for role, source in step.inputs.items()}
        wanted = _wanted(step.stage, spec_of(step, recipe.seed), inputs)
        out = place(step, wanted)
        if not is_bundle(out) or (bundle := open_bundle(out)).manifest["step_hash"] != wanted:
            break
        made[step.place] = bundle
        done.append(Done(step, bundle, fresh=False))
    return done


def _wanted(stage: str, spec: Spec, inputs: Mapping[str, Bundle]) -> str:
    """The step hash of what a stage is to make."""
    module = load_stage(stage)
    return step_hash(stage, spec, inputs, module.outside(spec) if hasattr(module, "outside") else {})


def _own_place(place: Callable[[Step, str], Path], step: Step, log: Journal, step_hash: str) -> Path:
    """Where the result of a step goes; a directory there that has lost its manifest is set aside, not deleted."""
    out = place(step, step_hash)
    if processes.is_first() and out.is_dir() and any(out.iterdir()) and not is_bundle(out):
        aside = out.with_name(f"{out.name}.damaged")
        remove(aside)
        out.rename(aside)
        log.warn(f"{step.title}: {out} has no {MANIFEST}, so it is no Bundle: it is {aside.name} now, and made again")
    return out


class Given(dict[str, Any]):
    """What a stage is given, by role; a role that it asks for and has not is an error of the recipe."""

    def __init__(self, stage: str, inputs: Mapping[str, Any]) -> None:
        super().__init__(inputs)
        self._stage = stage

    def __missing__(self, role: str) -> Any:
        raise RecipeError(f"{self._stage}.from: give {role} (found {', '.join(self) or 'nothing'})")


def foresee(recipe: Recipe) -> None:
    """Let every stage refuse what it can see to be impossible, before hours are spent on the steps before it."""
    foreseen: dict[str, Any] = {}  # an earlier step's `out` → what its stage tells of the result, None if nothing
    for step in recipe.steps:
        inputs = {
            role: foreseen[place] if place in foreseen else _open_input(step, role, place, foreseen)
            for role, place in step.inputs.items()
        }
        foreseen[step.place] = foresee_step(step.stage, spec_of(step, recipe.seed), inputs)


def foresee_step(stage: str, spec: Spec, inputs: Mapping[str, Any]) -> Any:
    """What a stage tells of its result before it is run; None if nothing.

    Args:
        stage: Its name.
        spec: Its fields.
        inputs: Role → Bundle, what an earlier stage told of it, or None where nothing is known.
    """
    module = load_stage(stage)
    if hasattr(module, "outside"):
        module.outside(spec)  # names what is missing
    return module.foresee(spec, Given(stage, inputs)) if hasattr(module, "foresee") else None


def _open_input(step: Step, role: str, place: str, done: Mapping[str, Any]) -> Bundle:
    """The Bundle at a path that no earlier step makes."""
    if not is_bundle(Path(place)):
        known = ", ".join(done) or "none"
        raise RecipeError(
            f"{step.title}.from.{role}: {place!r} is neither an earlier step's `out` ({known}) nor a Bundle's path"
        )
    return open_bundle(place)


def run_step(
    stage: str, spec: Spec, inputs: Mapping[str, Bundle], place: Callable[[str], Path], log: Journal, title: str
) -> tuple[Bundle, bool]:
    """Run one stage unless its result is there, whole, and made from the same fields and inputs."""
    module, inputs = load_stage(stage), Given(stage, inputs)
    wanted = _wanted(stage, spec, inputs)
    out = place(wanted)
    found = processes.agree(_finished(out, wanted, log, title) if processes.is_first() else False)
    if found:
        log.say(f"── {title}: done before, nothing changed")
        _tidy(out)
        return open_bundle(out), False
    log.say(f"── {title}")
    log.record("step", step=title, stage=stage, hash=wanted)
    own = log.fresh()
    if processes.is_first():
        module.run(spec, inputs, out, own)
    elif getattr(module, "TOGETHER", False):
        _take_part(module, spec, inputs, out)
    processes.wait()
    _tidy(out)
    bundle = open_bundle(out)
    log.record("done", step=title, hash=wanted, digest=bundle.digest, seconds=round(own.seconds, 3))
    return bundle, True


def _tidy(out: Path) -> None:
    """What a training went on from is of no use once its result is there."""
    if processes.is_first():
        checkpoints.clear(out)


def _finished(out: Path, wanted: str, log: Journal, title: str) -> bool:
    """Whether a step's result is there, whole, and the one that is wanted."""
    if not is_bundle(out):
        return False
    try:
        found = open_bundle(out)
        if found.manifest["step_hash"] != wanted:
            return False
        if not (faults := found.faults()):
            return True
        log.warn(f"{title}: {out} is damaged ({faults[0]}); it is made again")
    except BundleError as error:
        log.warn(f"{title}: {error}: it is made again")
    return False


def _take_part(module: ModuleType, spec: Spec, inputs: Mapping[str, Bundle], out: Path) -> None:
    """Run a stage for the share that this process has in it; the first one writes the result."""
    place = sibling(out)
    try:
        module.run(spec, inputs, place, Journal(quiet=True))
    finally:
        remove(place)

"""A recipe for other rows, another seed, teacher or student: what a command says over what the recipe's file says.

Every function takes a resolved recipe, in which a step has all fields of its stage, and gives one to be resolved again.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from limbeck.core.errors import RecipeError
from limbeck.core.recipe import Recipe, Step
from limbeck.core.shape import is_shape, read_student

_OF_ROWS = ("train", "dev", "test", "task", "text", "pair", "label", "reader", "encoding")
"""Fields of `prepare` that speak of particular files, and mean nothing for others."""
_OF_CORPUS = ("tokenizer", "tokenize")
"""Stages that read a corpus."""
_MODELS = {"finetune": "model", "import_checkpoint": "config", "pretrain": "model", "tokenize": "tokenizer"}
"""Stage → its field that names a pre-trained model."""


def rows_of(
    data: str | Path, *, dev: str | Path | None, test: str | Path | None, **columns: str | None
) -> dict[str, str]:
    """The fields of `prepare` for some files, whose paths are made absolute; what is None is to be detected."""
    files = {"train": data, "dev": dev, "test": test}
    absolute = {name: str(Path(path).expanduser().resolve()) for name, path in files.items() if path is not None}
    return absolute | {name: value for name, value in columns.items() if value is not None}


def to_rows(recipe: Recipe, rows: Mapping[str, str]) -> Recipe:
    """Read other rows; how many of them are set aside stays the recipe's choice.

    Args:
        recipe: What is to be done with them.
        rows: Fields of `prepare`, as `rows_of` gives them.

    Raises:
        RecipeError: The recipe has no step `prepare`, or several.
    """
    if (count := sum(s.stage == "prepare" for s in recipe.steps)) != 1:
        raise RecipeError(f"{count} steps `prepare`; a recipe needs exactly one to be used on other data")
    return _set(recipe, lambda s: s.stage == "prepare", rows, without=_OF_ROWS)


def to_corpus(recipe: Recipe, corpus: str) -> Recipe:
    """Read another corpus, wherever the recipe reads one.

    Raises:
        RecipeError: It reads none.
    """
    if not any(step.stage in _OF_CORPUS for step in recipe.steps):
        raise RecipeError("no step `tokenize`, so it reads no corpus; give --data for rows of a task")
    return _set(recipe, lambda s: s.stage in _OF_CORPUS and bool(s.fields["corpus"]), {"corpus": _absolute(corpus)})


def to_teacher(recipe: Recipe, model: str) -> Recipe:
    """Begin from another pre-trained model, wherever the recipe begins from the first one that it names.

    That is in every step that fine-tunes it, imports it, goes on from it or cuts a corpus by its tokenizer, and in
    every student that is said to be a part of it.

    Raises:
        RecipeError: The recipe begins from none.
    """
    begun = [str(s.fields[_MODELS[s.stage]]) for s in recipe.steps if s.stage in _MODELS and s.stage != "tokenize"]
    if not (models := [name for name in begun if not is_shape(name)]):
        raise RecipeError("no step `finetune`, `import_checkpoint` or `pretrain` names a model; it takes no teacher")
    wanted = _absolute(model)

    def changed(step: Step) -> Step:
        field = _MODELS.get(step.stage)
        if field is None or step.fields.get(field) != models[0]:
            return step
        return step.model_copy(update={"fields": {**step.fields, field: wanted}})

    begins = recipe.model_copy(update={"steps": tuple(map(changed, recipe.steps))})
    return _students(begins, lambda shape, own: (shape, wanted if own == models[0] else own))


def takes_shape(recipe: Recipe) -> bool:
    """Whether the step that makes the student lets one choose its shape."""
    maker = evaluation(recipe).inputs["student"]
    return any(step.place == maker and "student" in step.fields for step in recipe.steps)


def to_student(recipe: Recipe, student: str) -> Recipe:
    """Give the student another shape, or another model to begin from; a recipe that takes none stays as it is.

    A shape alone changes the shape alone: `half of MODEL` becomes `3x384 of MODEL`.
    """
    shape, model = read_student(student)
    wanted = _absolute(model)
    measured = any(step.stage == "evaluate" for step in recipe.steps)
    maker = evaluation(recipe).inputs["student"] if measured else None
    return _students(recipe, lambda _, own: (shape, wanted or (own if shape else "")), maker)


def to_fresh_teacher(recipe: Recipe) -> Recipe:
    """Train a new head, and with it the teacher, where the model has one already."""
    return _set(recipe, lambda s: s.stage == "finetune", {"replace_head": True})


def to_precision(recipe: Recipe, precision: str) -> Recipe:
    """Train everything in another precision: in every step that trains, and in every phase of it."""

    def changed(step: Step) -> Step:
        fields = dict(step.fields)
        if "precision" in fields:
            fields["precision"] = precision
        if "phases" in fields:
            fields["phases"] = [{**phase, "precision": precision} for phase in fields["phases"]]
        return step.model_copy(update={"fields": fields})

    return recipe.model_copy(update={"steps": tuple(map(changed, recipe.steps))})


def to_strict(recipe: Recipe) -> Recipe:
    """Stop at a damaged checkpoint, in every step that keeps some."""
    return _set(recipe, lambda s: "strict" in s.fields, {"strict": True})


def to_shipped(recipe: Recipe) -> Recipe:
    """Ship the quantised model whatever its gate says."""
    return _set(recipe, lambda s: s.stage == "quantize", {"force": True})


def to_evaluation(recipe: Recipe, until: str | None = None) -> Recipe:
    """The evaluation of the student with the steps that it needs, and no other.

    Args:
        recipe: The whole.
        until: The last role that is evaluated, in the recipe's order; all if None.

    Raises:
        RecipeError: No student is evaluated, or `until` is none of the roles.
    """
    last = evaluation(recipe)
    roles = [role for role in last.inputs if role != "data"]
    if until is not None and until not in roles:
        raise RecipeError(f"evaluates {', '.join(roles)}; no {until!r} to stop at")
    left_out = roles[roles.index(until) + 1 :] if until else []
    inputs = {role: place for role, place in last.inputs.items() if role not in left_out}
    steps = [s.model_copy(update={"inputs": inputs}) if s.place == last.place else s for s in recipe.steps]
    cut = recipe.model_copy(update={"steps": tuple(steps)})
    needed = ancestry(cut, last.place)
    return cut.model_copy(update={"steps": tuple(s for s in steps if s.place in needed)})


def evaluation(recipe: Recipe) -> Step:
    """The step that measures the student.

    Raises:
        RecipeError: There is none.
    """
    for step in recipe.steps:
        if step.stage == "evaluate" and "student" in step.inputs:
            return step
    raise RecipeError("no step `evaluate` with a `student` among its inputs, so there is nothing to compare")


def ancestry(recipe: Recipe, place: str) -> frozenset[str]:
    """The places of the step that makes `place` and of all steps that it needs."""
    needed = {place}
    for step in reversed(recipe.steps):
        if step.place in needed:
            needed |= set(step.inputs.values())
    return frozenset(s.place for s in recipe.steps if s.place in needed)


def _absolute(model: str) -> str:
    """A model reference that means the same from everywhere."""
    place = Path(model).expanduser()
    return str(place.resolve()) if model and not model.startswith("hf:") and place.exists() else model


def _students(recipe: Recipe, change: Callable[[str, str], tuple[str, str]], maker: str | None = None) -> Recipe:
    """Change shape and model of the student in the step that makes it, or in every step that makes one."""

    def changed(step: Step) -> Step:
        if "student" not in step.fields or maker not in (None, step.place):
            return step
        parts = change(*read_student(str(step.fields["student"])))
        return step.model_copy(update={"fields": {**step.fields, "student": " of ".join(p for p in parts if p)}})

    return recipe.model_copy(update={"steps": tuple(changed(step) for step in recipe.steps)})


def _set(
    recipe: Recipe, chosen: Callable[[Step], bool], fields: Mapping[str, Any], without: Collection[str] = ()
) -> Recipe:
    def changed(step: Step) -> Step:
        kept = {name: value for name, value in step.fields.items() if name not in without}
        return step.model_copy(update={"fields": {**kept, **fields}})

    return recipe.model_copy(update={"steps": tuple(changed(s) if chosen(s) else s for s in recipe.steps)})

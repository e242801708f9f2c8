"""What flags change in a recipe, and what they leave."""

from pathlib import Path

import pytest

from limbeck import adapt
from limbeck.core.errors import RecipeError
from limbeck.core.recipe import Recipe, find_recipe, from_plain, read_recipe
from limbeck.pipeline import resolve


@pytest.fixture(scope="module")
def shipped() -> Recipe:
    return resolve(read_recipe(find_recipe("compress")))


def step(recipe: Recipe, title: str):
    return next(s for s in recipe.steps if s.title == title)


def recipe(*steps) -> Recipe:
    return resolve(from_plain({"limbeck": 1, "steps": list(steps)}, "r"))


DATA = {"stage": "prepare", "train": "a.csv"}
TEACHER = {"stage": "finetune", "name": "teacher", "from": {"data": "prepare"}, "model": "big"}
ALONE = {"stage": "finetune", "name": "student", "from": {"data": "prepare"}, "model": "small"}
EVALUATE = {"stage": "evaluate", "from": {"data": "prepare", "teacher": "teacher", "student": "student"}}


def test_rows_replace_all_that_speaks_of_files_and_nothing_else(shipped):
    theirs = shipped.override(["prepare.label=y", "prepare.dev=d.csv", "prepare.reader=tsv", "prepare.max_rows=50"])
    rows = adapt.rows_of("b.csv", dev=None, test="t.csv", text="x", label=None)
    fields = step(resolve(adapt.to_rows(theirs, rows)), "prepare").fields
    assert (fields["train"], fields["test"]) == (str(Path("b.csv").resolve()), str(Path("t.csv").resolve()))
    assert (fields["dev"], fields["label"], fields["text"], fields["reader"]) == ("", "", "x", None)
    assert fields["max_rows"] == 50


def test_a_teacher_replaces_the_one_that_the_recipe_begins_from():
    other = adapt.to_teacher(recipe(DATA, TEACHER, {**TEACHER, "name": "second"}, ALONE, EVALUATE), "hf:org/name")
    assert [s.fields.get("model") for s in other.steps[1:4]] == ["hf:org/name", "hf:org/name", "small"]
    distil = {"stage": "distil", "from": {"teacher": "teacher", "data": "prepare"}, "student": "half of big"}
    students = adapt.to_teacher(recipe(DATA, TEACHER, distil), "hf:org/name").steps[2].fields["student"]
    assert students == "half of hf:org/name"
    with pytest.raises(RecipeError, match="no step `finetune`"):
        adapt.to_teacher(recipe(DATA), "big")


def test_a_shape_reaches_the_step_that_makes_the_student(shipped):
    assert step(adapt.to_student(shipped, "3x384"), "distil").fields["student"] == "3x384"
    assert adapt.takes_shape(shipped)
    other = step(adapt.to_student(shipped, "half of tests"), "distil").fields["student"]
    assert other == f"half of {Path('tests').resolve()}"
    part = resolve(shipped.override(["distil.student=half of minilm-l6"]))
    assert step(adapt.to_student(part, "2x384"), "distil").fields["student"] == "2x384 of minilm-l6"
    alone = recipe(DATA, TEACHER, ALONE, EVALUATE)
    assert not adapt.takes_shape(alone)
    assert adapt.to_student(alone, "3x384") == alone


def test_a_precision_reaches_all_that_trains_and_nothing_else(shipped):
    half = resolve(adapt.to_precision(shipped, "bf16"))
    assert step(half, "finetune").fields["precision"] == "bf16"
    assert {phase["precision"] for phase in step(half, "distil").fields["phases"]} == {"bf16"}
    assert [s for s in half.steps if s.stage not in ("finetune", "distil")] == [
        s for s in shipped.steps if s.stage not in ("finetune", "distil")
    ]
    with pytest.raises(RecipeError, match="precision"):
        resolve(adapt.to_precision(shipped, "int3"))


def test_an_evaluation_takes_only_the_steps_it_needs(shipped):
    whole = adapt.to_evaluation(shipped)
    assert [s.stage for s in whole.steps] == ["prepare", "finetune", "distil", "export", "quantize", "evaluate"]
    short = adapt.to_evaluation(shipped, "student")
    assert [s.stage for s in short.steps] == ["prepare", "finetune", "distil", "evaluate"]
    assert list(short.steps[-1].inputs) == ["data", "teacher", "student"]
    with pytest.raises(RecipeError, match="evaluates teacher, student, bundle; no 'onnx'"):
        adapt.to_evaluation(shipped, "onnx")


def test_a_recipe_without_what_is_compared_is_refused():
    with pytest.raises(RecipeError, match="no step `evaluate` with a `student`"):
        adapt.to_evaluation(recipe(DATA, TEACHER))
    with pytest.raises(RecipeError, match="0 steps `prepare`"):
        adapt.to_rows(recipe(TEACHER), {"train": "a"})
    with pytest.raises(RecipeError, match="2 steps `prepare`"):
        adapt.to_rows(recipe(DATA, {**DATA, "name": "more"}), {"train": "a"})


def test_ancestry_is_all_that_a_step_needs(shipped):
    assert adapt.ancestry(shipped, "student") == {"steps/data", "teacher", "student"}
    assert adapt.ancestry(shipped, "nowhere") == frozenset()

"""The recipes that come with Limbeck: each resolves, trains, and measures what the others measure."""

import math
import re

import pytest
import torch

from limbeck import adapt
from limbeck.core.journal import Journal
from limbeck.core.recipe import find_recipe, read_recipe, recipe_names
from limbeck.engine.mixture import build_objectives
from limbeck.execution import spec_of
from limbeck.pipeline import Result, resolve, run
from tests import models
from tests.objectives import flat

NAMES = recipe_names()
OTHERS = ("compress", "multi_teacher", "probe", "teacher_assistant")
OVER_CORPORA = (
    "albert",
    "bert",
    "distilbert",
    "electra",
    "minilm",
    "minilmv2",
    "roberta",
    "tinybert",
    "tinybert_general",
)
METHODS = tuple(name for name in NAMES if name not in (*OTHERS, *OVER_CORPORA))
"""Those of one teacher, no go-between and no corpus; the others have tests of their own."""
TOY = ("finetune.max_length=32", "finetune.epochs=1", "finetune.learning_rate=3e-3", "finetune.batch_size=16")


def recipe(name):
    return resolve(read_recipe(find_recipe(name)))


def toy(name, folder):
    """The recipe up to its student, of a tiny teacher, an epoch of each phase."""
    rows = adapt.rows_of(folder / "reviews.csv", dev=None, test=None)
    adapted = adapt.to_teacher(adapt.to_rows(recipe(name), rows), str(folder / "backbone"))
    distil = next(step for step in adapted.steps if step.stage == "distil")
    phases = [f"distil.phases[{number}].epochs=1" for number in range(len(distil.fields["phases"]))]
    augment = ["augment.copies=1"] if name == "tinybert_task" else []
    needed = adapt.ancestry(adapted, distil.place)
    adapted = adapted.model_copy(update={"steps": tuple(s for s in adapted.steps if s.place in needed)})
    return adapted.override([*TOY, *phases, *augment])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    models.reviews(folder / "reviews.csv")
    models.backbone(folder / "backbone")
    return folder


def test_every_method_has_its_recipe():
    wanted = {
        "no_teacher",
        "vanilla_kd",
        "distilbert_task",
        "tinybert_task",
        "patient_kd",
        "minilmv2_task",
        "annealing",
    }
    assert set(METHODS) >= wanted | {"self_distillation"}


@pytest.mark.parametrize("name", NAMES)
def test_recipe_says_when_to_choose_it(name):
    comment = find_recipe(name).read_text(encoding="utf-8").partition("limbeck: 1")[0]
    assert "Choose it" in comment
    assert name == "compress" or re.search(r"arXiv:\d{4}\.\d{5}", comment)


@pytest.mark.parametrize("name", ["tinybert", "tinybert_general", "tinybert_task"])
def test_tinybert_weighs_embeddings_and_every_layer_alike(name):
    """As the paper's sum does: where one of them alone is off by as much, the loss is the same, whichever it is."""
    batch, student, teacher = models.batch(), flat.sized(3), flat.sized(6)
    specs = [spec_of(step, 0).phases[0].objectives for step in recipe(name).steps if step.stage == "distil"]
    for objectives in (build_objectives(one, student, teacher) for one in specs):
        losses = []
        for kind, layer in [("hidden", 0), ("hidden", 1), ("hidden", 3), ("queries", 2)]:
            mine, its = flat.zeros(student, batch), flat.zeros(teacher, batch)
            for outputs in (mine, its):
                outputs.keys = {n: torch.ones_like(x) for n, x in outputs.keys.items()}
            off = getattr(mine, kind)[layer]
            off += (
                math.sqrt(student.hidden // student.heads) if kind == "hidden" else 1
            )  # both squared: the head's size
            losses.append(sum(weight * o(mine, its, batch).item() for weight, o in objectives.values()))
        assert losses == pytest.approx([losses[0]] * len(losses))
        assert losses[0] > 0


@pytest.mark.parametrize("name", METHODS)
def test_recipes_differ_in_the_student_alone(name):
    def around(steps):
        return [s.plain() for s in steps if s.stage not in ("augment", "distil")]

    assert around(recipe(name).steps) == around(recipe("compress").steps)


@pytest.mark.parametrize("name", METHODS)
def test_recipe_makes_a_student(name, folder):
    result: Result = run(toy(name, folder), folder / "out", Journal(quiet=True))
    student = result.bundles["distil"].facts
    assert student["dims"]["layers"] == (4 if name == "self_distillation" else 2)
    assert all(epoch["loss"] > 0 for epoch in student["history"])

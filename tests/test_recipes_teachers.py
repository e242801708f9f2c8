"""The shipped recipes with more than one teacher, at toy size and from end to end."""

import pytest

from limbeck.core.journal import Journal
from limbeck.core.measurement import find
from limbeck.core.recipe import recipe_names
from limbeck.pipeline import run_file
from tests import models

TRAINING = ("max_length=32", "epochs=4", "learning_rate=3e-3", "batch_size=16")
PHASES = ("phases[0].epochs=1", "phases[0].learning_rate=2e-3", "phases[1].epochs=1")
MEASURES = ("evaluate.draws=100", "benchmark.texts=10", "benchmark.rounds=2", "quantize.min_agreement=0")
RECIPES = {
    "teacher_assistant": (
        *(f"assistant.{field}" for field in ("student=3x24", *PHASES)),
        *(f"distil.{field}" for field in ("student=2x24", *PHASES)),
        *(f"finetune.{field}" for field in TRAINING),
    ),
    "multi_teacher": (
        *(f"distil.{field}" for field in PHASES),
        *(f"{step}.{field}" for step in ("finetune", "teacher_2") for field in TRAINING),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_recipe_ends_with_a_measured_bundle(name, tmp_path):
    assert name in recipe_names()
    backbone = models.backbone(tmp_path / "backbone")
    models_ = [f"{step}.model={backbone}" for step in ("finetune", "teacher_2") if step == "finetune" or name[0] == "m"]
    settings = [f"prepare.train={models.reviews(tmp_path / 'reviews.csv')}", *models_, *RECIPES[name]]
    result = run_file(name, tmp_path / "out", [*settings, *MEASURES, "quantize.max_drop=1"], Journal(quiet=True))
    extra = {"teacher_assistant": "assistant", "multi_teacher": "teacher_2"}[name]
    for role in ("teacher", extra, "student", "bundle"):
        assert 0.4 < find(result.measurements, role, "accuracy").value <= 1
    teacher, other, student = (result.bundles[step] for step in ("finetune", extra, "distil"))
    assert teacher.digest != other.digest
    assert other.digest in {parent["digest"] for parent in student.manifest["parents"].values()}

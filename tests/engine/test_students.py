"""What students will be, told before there are any."""

import pytest

from limbeck.core.errors import RecipeError
from limbeck.engine.students import StudentSpec, foresee_student
from limbeck.nn.outlook import outlook_of
from tests import models


@pytest.mark.parametrize("layers", ["spaced", "last", [1, 4]], ids=str)
def test_layers_that_are_one_and_the_same_leave_no_choice(layers, tmp_path):
    albert = outlook_of(models.backbone(tmp_path, "albert"), 32)
    assert foresee_student(StudentSpec(student="half"), albert).dims.layers == 2
    with pytest.raises(RecipeError, match=r"distil.layers: .* share their weights.*leave the field out"):
        foresee_student(StudentSpec(student="half", layers=layers), albert)


@pytest.mark.parametrize("family", ["bert", "mobilebert"])
def test_layers_that_are_not_there_are_refused_before_there_is_a_teacher(family, tmp_path):
    teacher = outlook_of(models.backbone(tmp_path, family), 32)
    assert foresee_student(StudentSpec(student="half", layers=[2, 4]), teacher).dims.layers == 2
    with pytest.raises(RecipeError, match=r"\[2, 5\] are not 2 layers"):
        foresee_student(StudentSpec(student="half", layers=[2, 5]), teacher)


@pytest.mark.parametrize("width", ["importance", "prefix", "pca"])
def test_mobilebert_is_not_narrowed(width, tmp_path):
    teacher = outlook_of(models.backbone(tmp_path, "mobilebert"), 32)
    with pytest.raises(RecipeError, match="only the layers can change"):
        foresee_student(StudentSpec(student="2x12", width=width), teacher)

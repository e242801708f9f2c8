"""Student layers that are found anew in each step."""

import pytest
import torch

from limbeck.core.errors import RecipeError
from limbeck.nn.types import Dims
from limbeck.objectives.layerwise_nearest import Spec, build, nearest_increasing
from tests.objectives import flat


def slow(distances):
    """As the published code does it, layer by layer."""
    last, found = len(distances[0]), []
    for row in reversed(distances):
        below = [place for place in range(len(row)) if place < last]
        last = min(below, key=row.__getitem__) if below else last
        found.append(last)
    return found[::-1]


@pytest.mark.parametrize("shape", [(4, 6), (4, 4), (4, 3), (4, 1), (1, 5), (2, 12)])
def test_the_nearest_layers_are_those_of_the_published_code(shape):
    draw = torch.Generator().manual_seed(sum(shape))
    for _ in range(20):
        distances = torch.rand(shape, generator=draw)
        found = nearest_increasing(distances).tolist()
        assert found == slow(distances.tolist())
        assert found == sorted(found)


def test_is_the_mean_error_of_the_chosen_pairs():
    batch = flat.batch()
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    student.hidden[1] = teacher.hidden[3] + 0.1
    student.hidden[2] = teacher.hidden[4] + 0.3
    found = build(Spec(teacher_layers=(3, 4)), flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx((0.01 + 0.09) / 2, rel=1e-3)


@pytest.mark.parametrize(("layers", "ends"), [(12, {3, 6, 9, 12}), (6, {2, 3, 5, 6}), (4, {1, 2, 3, 4}), (2, {1, 2})])
def test_teacher_layers_are_the_ends_of_quarters(layers, ends):
    assert build(Spec(), flat.STUDENT, Dims(layers, 8, 2, 16, 4)).teacher_reads.hidden == ends


@pytest.mark.parametrize("layers", [(0, 1), (2, 1), (1, 1), (1, 5)])
def test_layers_that_there_are_not_are_refused(layers):
    with pytest.raises(RecipeError, match=r"layerwise_nearest\.teacher_layers: .* from 1 to 4"):
        build(Spec(teacher_layers=layers), flat.STUDENT, flat.TEACHER)

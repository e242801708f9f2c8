"""The teacher's logits, as they are and annealed."""

from dataclasses import replace

import pytest
import torch

from limbeck.core.errors import RecipeError
from limbeck.core.spec import parse
from limbeck.nn.types import Moment, Outputs
from limbeck.objectives.logit_mse import Spec, build
from tests.objectives import flat

DIMS = replace(flat.STUDENT, labels=2)


def loss(spec, progress=0.0):
    batch = replace(flat.batch(), moment=Moment(progress))
    student, teacher = (Outputs(logits=torch.tensor(x)) for x in ([[1.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [4.0, 2.0]]))
    return build(spec, DIMS, DIMS)(student, teacher, batch).item()


def test_by_hand():
    assert loss(Spec()) == pytest.approx((1 + 0 + 16 + 0) / 4)


@pytest.mark.parametrize("temperature", [10, 6, 1])
def test_a_ramp_of_the_scale_is_the_annealing_function(temperature):
    """φ(T) = 1 − (T − 1)/T_max, where T falls from T_max = 10 to 1 in a straight line."""
    spec = parse(Spec, {"scale": {"from": 0.1, "to": 1}}, "logit_mse")
    phi = 1 - (temperature - 1) / 10
    by_hand = ((1 - 2 * phi) ** 2 + (0 - 4 * phi) ** 2 + (2 - 2 * phi) ** 2) / 4
    assert loss(spec, progress=(10 - temperature) / 9) == pytest.approx(by_hand)


@pytest.mark.parametrize("scale", [0, -1, "big", {"from": 0, "to": 1}, {"from": 1}, True, float("inf")])
def test_scales_that_make_no_sense_are_refused(scale):
    with pytest.raises(RecipeError, match=r"logit_mse\.scale"):
        parse(Spec, {"scale": scale}, "logit_mse")

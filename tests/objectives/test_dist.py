"""Relations among probabilities."""

from dataclasses import replace
from statistics import correlation, mean

import pytest
import torch

from limbeck.nn.types import Moment, Outputs
from limbeck.objectives.dist import Spec, build
from tests.objectives import flat


@pytest.mark.parametrize(
    ("fields", "inter", "intra", "temperature"),
    [({}, 1, 1, 1), ({"inter": 2, "intra": 0.5, "temperature": 4}, 2, 0.5, 4), ({"inter": 0}, 0, 1, 1)],
)
def test_is_what_a_loop_over_rows_and_columns_finds(fields, inter, intra, temperature):
    batch = flat.batch(per_word=True)
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    s, t = ((x.logits / temperature).softmax(-1) for x in (student, teacher))
    rows = mean(1 - correlation(a, b) for a, b in zip(s.tolist(), t.tolist(), strict=True))
    columns = mean(1 - correlation(a, b) for a, b in zip(s.T.tolist(), t.T.tolist(), strict=True))
    found = build(Spec(**fields), flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx(temperature**2 * (inter * rows + intra * columns), rel=1e-4)


def test_a_student_that_ranks_alike_is_right():
    """Probabilities that are a linear function of the teacher's, item by item: what KL would still punish."""
    batch = flat.batch()
    teacher = torch.tensor([[0.7, 0.2, 0.05, 0.05], [0.1, 0.6, 0.2, 0.1]])
    student = 0.5 * teacher + 0.125
    both = (Outputs(logits=x.log()) for x in (student, teacher))
    assert build(Spec(intra=0), flat.STUDENT, flat.TEACHER)(*both, batch).item() == pytest.approx(0, abs=1e-6)


def test_the_temperature_may_change():
    batch = flat.batch()
    both = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    objective = build(Spec(temperature={"from": 4, "to": 1}), flat.STUDENT, flat.TEACHER)
    for progress, temperature in ((0.0, 4), (1.0, 1)):
        fixed = build(Spec(temperature=temperature), flat.STUDENT, flat.TEACHER)(*both, batch)
        torch.testing.assert_close(objective(*both, replace(batch, moment=Moment(progress))), fixed)

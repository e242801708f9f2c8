"""The vector of a row."""

import pytest
import torch

from limbeck.objectives.embedding import Spec, build
from tests.objectives import flat


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("per_word", [False, True], ids=["texts", "words"])
def test_is_what_a_loop_over_rows_finds(pooling, normalise, per_word):
    batch = flat.batch(per_word=per_word)
    small = flat.Dims(layers=2, hidden=4, heads=2, intermediate=16, labels=4)
    student, teacher = flat.outputs(small, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    objective = build(Spec(pooling=pooling, normalise=normalise), small, flat.TEACHER)
    distances = []
    for s, t in zip(flat.rows(student.hidden[2], batch), flat.rows(teacher.hidden[4], batch), strict=True):
        mine, wanted = (x.mean(0) if pooling == "mean" else x[0] for x in (s, t))
        mine = objective.projection.weight @ mine
        if normalise:
            mine, wanted = mine / mine.norm(), wanted / wanted.norm()
        distances.append((mine - wanted).square().sum().item())
    found = objective(student, teacher, batch)
    assert found.item() == pytest.approx(sum(distances) / len(distances), rel=1e-4)


def test_by_hand():
    batch = flat.batch()
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    student.pooled["mean"], teacher.pooled["mean"] = torch.zeros(4, 8), torch.full((4, 8), 0.5)
    found = build(Spec(normalise=False), flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx(8 * 0.25)

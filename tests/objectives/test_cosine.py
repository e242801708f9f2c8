"""Directions of the last hidden states."""

import pytest
import torch

from limbeck.objectives.cosine import Spec, build
from tests.objectives import flat


def test_is_what_a_loop_over_tokens_finds():
    batch = flat.batch()
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    distances = [
        1 - (s @ t / (s.norm() * t.norm())).item() for s, t in zip(student.hidden[2], teacher.hidden[4], strict=True)
    ]
    found = build(Spec(), flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx(sum(distances) / len(distances), rel=1e-5)


def test_length_does_not_count():
    batch = flat.batch()
    student = flat.outputs(flat.STUDENT, batch, 1)
    longer = flat.outputs(flat.STUDENT, batch, 1)
    longer.hidden[2] = 7 * longer.hidden[2]
    assert build(Spec(), flat.STUDENT, flat.STUDENT)(student, longer, batch).abs() < 1e-6


def test_a_projection_begins_as_the_identity():
    batch = flat.batch()
    both = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    plain, projected = (build(Spec(project=p), flat.STUDENT, flat.TEACHER)(*both, batch) for p in (False, True))
    torch.testing.assert_close(plain, projected)

"""Attention and value relations of the last layer."""

import math

import pytest

from limbeck.objectives.minilm import Spec, build
from tests.objectives import flat


def divergence(student, teacher):
    """Mean over rows of KL(teacher ‖ student), number by number."""
    found = []
    for s, t in zip(student.softmax(-1).tolist(), teacher.softmax(-1).tolist(), strict=True):
        found.append(sum(q * math.log(q / p) for p, q in zip(s, t, strict=True)))
    return found


@pytest.mark.parametrize("width", [8, 4])
def test_is_what_a_loop_over_texts_and_heads_finds(width):
    batch = flat.batch()
    small = flat.Dims(layers=2, hidden=width, heads=2, intermediate=16, labels=4)
    student, teacher = flat.outputs(small, batch, 1), flat.outputs(flat.TEACHER, batch, 2)

    def maps(outputs, left, right, layer, head):
        sides = (flat.rows(getattr(outputs, kind)[layer][:, head], batch) for kind in (left, right))
        return [a @ b.T / math.sqrt(a.shape[1]) for a, b in zip(*sides, strict=True)]

    total = 0.0
    for left, right in (("queries", "keys"), ("values", "values")):
        found = []
        for head in range(2):
            both = zip(maps(student, left, right, 2, head), maps(teacher, left, right, 4, head), strict=True)
            found += [row for s, t in both for row in divergence(s, t)]
        total += sum(found) / len(found)
    assert build(Spec(), small, flat.TEACHER)(student, teacher, batch).item() == pytest.approx(total, rel=1e-4)

"""How alike the rows of a batch are."""

import itertools

import pytest
import torch

from limbeck.objectives.similarity import Spec, build
from tests.objectives import flat


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_is_what_a_loop_over_pairs_finds(pooling):
    batch = flat.batch()
    small = flat.Dims(layers=2, hidden=4, heads=2, intermediate=16, labels=4)
    student, teacher = flat.outputs(small, batch, 1), flat.outputs(flat.TEACHER, batch, 2)

    def vectors(hidden):
        return [x.mean(0) if pooling == "mean" else x[0] for x in flat.rows(hidden, batch)]

    def cosine(a, b):
        return (a @ b / (a.norm() * b.norm())).item()

    pairs = list(
        zip(*(itertools.combinations(vectors(x), 2) for x in (student.hidden[2], teacher.hidden[4])), strict=True)
    )
    found = build(Spec(pooling=pooling), small, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx(sum((cosine(*s) - cosine(*t)) ** 2 for s, t in pairs) / len(pairs), rel=1e-4)


def test_turning_all_vectors_changes_nothing():
    batch = flat.batch()
    teacher = flat.outputs(flat.TEACHER, batch, 2)
    turned = flat.outputs(flat.TEACHER, batch, 2)
    turned.pooled["mean"] = turned.pooled["mean"] @ torch.linalg.qr(torch.randn(8, 8))[0]
    assert build(Spec(), flat.TEACHER, flat.TEACHER)(turned, teacher, batch).abs() < 1e-6

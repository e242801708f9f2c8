"""Relations among queries, keys and values of the last layers, in relation heads that neither side's own heads are."""

import math

import pytest

from limbeck.objectives.attention_relations import Spec, build
from tests.objectives import flat
from tests.objectives.test_minilm import divergence


@pytest.mark.parametrize("relation_heads", [1, 2, 4])
def test_is_what_a_loop_over_texts_and_relation_heads_finds(relation_heads):
    batch = flat.batch()
    small = flat.Dims(layers=2, hidden=12, heads=3, intermediate=16, labels=4)
    student, teacher = flat.outputs(small, batch, 1), flat.outputs(flat.TEACHER, batch, 2)

    def maps(vectors, number):
        joined = vectors.flatten(1)
        size = joined.shape[1] // relation_heads
        part = joined[:, number * size : (number + 1) * size]
        return [rows @ rows.T / math.sqrt(size) for rows in flat.rows(part, batch)]

    total = 0.0
    for kind in ("queries", "keys", "values"):
        found = []
        for number in range(relation_heads):
            sides = (maps(getattr(one, kind)[last], number) for one, last in ((student, 2), (teacher, 4)))
            found += [row for s, t in zip(*sides, strict=True) for row in divergence(s, t)]
        total += sum(found) / len(found)
    objective = build(Spec(relation_heads=relation_heads), small, flat.TEACHER)
    assert objective(student, teacher, batch).item() == pytest.approx(total, rel=1e-4)

"""Attention scores before the softmax, of each student layer and the teacher's that answers it."""

import math

import pytest

from limbeck.objectives.attention_scores import Spec, build
from tests.objectives import flat


def test_is_what_a_loop_over_layers_texts_and_heads_finds():
    batch = flat.batch()
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)

    def scores(outputs, layer, head):
        sides = (flat.rows(outputs.queries[layer][:, head], batch), flat.rows(outputs.keys[layer][:, head], batch))
        return [(q @ k.T / math.sqrt(q.shape[1])).flatten().tolist() for q, k in zip(*sides, strict=True)]

    layers = []
    for layer, of in ((1, 2), (2, 4)):
        squares = [
            (a - b) ** 2
            for head in range(2)
            for s, t in zip(scores(student, layer, head), scores(teacher, of, head), strict=True)
            for a, b in zip(s, t, strict=True)
        ]
        layers.append(sum(squares) / len(squares))
    loss = build(Spec(), flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert loss.item() == pytest.approx(sum(layers) / 2, rel=1e-4)

"""Directions of the tokens that answer, in intermediate layers."""

import pytest
import torch

from limbeck.nn.types import Outputs
from limbeck.objectives.patient import Spec, build
from tests.objectives import flat


@pytest.mark.parametrize("per_word", [False, True], ids=["texts", "words"])
def test_is_what_a_loop_over_layers_and_items_finds(per_word):
    batch = flat.batch(per_word=per_word)
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    squares = []
    for s, t in ((1, 3), (2, 4)):
        for place in batch.items.tolist():
            mine, wanted = student.hidden[s][place], teacher.hidden[t][place]
            squares += (mine / mine.norm() - wanted / wanted.norm()).square().tolist()
    found = build(Spec(layers=((1, 3), (2, 4))), flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx(sum(squares) / len(squares), rel=1e-5)


def test_the_last_layers_and_other_tokens_say_nothing():
    batch = flat.batch()
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    objective = build(Spec(), flat.STUDENT, flat.TEACHER)
    assert (objective.student_reads.hidden, objective.teacher_reads.hidden) == ({1}, {2})
    firsts = torch.zeros(len(batch.input_ids), 1).index_fill(0, batch.items, 1)
    altered = Outputs(hidden={1: student.hidden[1] * firsts})
    torch.testing.assert_close(objective(student, teacher, batch), objective(altered, teacher, batch))

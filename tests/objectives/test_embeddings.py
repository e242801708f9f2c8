"""Outputs of the embeddings."""

import pytest
import torch

from limbeck.objectives import embeddings, hidden_states
from tests.objectives import flat


def test_by_hand():
    batch = flat.batch()
    tokens = len(batch.input_ids)
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    student.hidden[0], teacher.hidden[0] = torch.ones(tokens, 8), torch.full((tokens, 8), 4.0)
    objective = embeddings.build(embeddings.Spec(), flat.STUDENT, flat.TEACHER)
    assert objective(student, teacher, batch).item() == pytest.approx(9.0)
    with torch.no_grad():
        objective.projection.weight.mul_(3)
    assert objective(student, teacher, batch).item() == pytest.approx(1.0)


def test_layers_and_embeddings_apart_are_hidden_states_together():
    batch = flat.batch()
    both = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    sizes = flat.STUDENT, flat.TEACHER
    together = hidden_states.build(hidden_states.Spec(), *sizes)(*both, batch)
    layers = hidden_states.build(hidden_states.Spec(embeddings=False), *sizes)(*both, batch)
    alone = embeddings.build(embeddings.Spec(), *sizes)(*both, batch)
    torch.testing.assert_close(together, (2 * layers + alone) / 3)

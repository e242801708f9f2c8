"""Word vectors by row follow lazy Adam; everything else AdamW; gradients are clipped by their joint norm."""

import pytest
import torch
from torch import nn

from limbeck.engine.optim import clip, optimizers


def model() -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([nn.Embedding(6, 3), nn.Linear(3, 2)])


def loss(made: nn.ModuleList, ids: list[int]) -> torch.Tensor:
    return made[1](made[0](torch.tensor(ids))).square().sum()


def test_rows_that_a_batch_does_not_touch_stay_as_they_are():
    made = model()
    before = made[0].weight.detach().clone()
    steps = optimizers(made, [made[0]], learning_rate=0.1, weight_decay=0.5)
    for ids in ([1, 1, 4], [1]):
        loss(made, ids).backward()
        for step in steps:
            step.step()
            step.zero_grad()
    moved = (made[0].weight != before).any(1)
    assert moved.tolist() == [False, True, False, False, True, False]


def test_a_first_step_by_row_is_that_of_adam_without_decay():
    """The first step of Adam moves every touched weight by the rate, whatever its gradient."""
    made = model()
    before = made[0].weight.detach().clone()
    steps = optimizers(made, [made[0]], learning_rate=0.1, weight_decay=0.5)
    loss(made, [2]).backward()
    for step in steps:
        step.step()
    torch.testing.assert_close((made[0].weight - before)[2].abs(), torch.full((3,), 0.1), rtol=1e-3, atol=1e-5)


def test_every_parameter_is_trained_by_exactly_one():
    made = model()
    steps = optimizers(made, [made[0]], 0.1, 0.5)
    found = [p for step in steps for group in step.param_groups for p in group["params"]]
    assert sorted(map(id, found)) == sorted(map(id, made.parameters()))
    assert [group["weight_decay"] for group in steps[0].param_groups] == [0.5, 0.0]


@pytest.mark.parametrize("by_row", [True, False])
def test_clipping_is_by_the_joint_norm(by_row):
    made = model()
    optimizers(made, [made[0]] if by_row else [], 0.1, 0.0)
    loss(made, [1, 1, 4]).backward()
    dense = [p.grad.to_dense() if p.grad.is_sparse else p.grad for p in made.parameters()]
    norm = torch.linalg.vector_norm(torch.cat([g.flatten() for g in dense]))
    wanted = [g / norm * 0.01 for g in dense]
    clip(made.parameters(), 0.01)
    for parameter, grad in zip(made.parameters(), wanted, strict=True):
        found = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
        torch.testing.assert_close(found, grad, rtol=1e-3, atol=1e-7)

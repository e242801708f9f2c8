"""Word vectors by row follow lazy Adam; everything else AdamW; gradients are clipped by their joint norm."""

import pytest
import torch
from torch import nn

from limbeck.engine.optim import clip, optimizers
from limbeck.engine.touched import hand_over, touched


def model() -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([nn.Embedding(6, 3), nn.Linear(3, 2)])


def loss(made: nn.ModuleList, ids: list[int]) -> torch.Tensor:
    return made[1](made[0](torch.tensor(ids))).square().sum()


def learn_rows(made: nn.ModuleList, ids: list[int]) -> None:
    """Find the gradients of a loss, of the table by row."""
    distinct = torch.tensor(sorted(set(ids)))
    with touched([made[0]], distinct) as (rows,):
        loss(made, ids).backward()
    hand_over(made[0], distinct, rows.gradient)


def test_rows_that_a_batch_does_not_touch_stay_as_they_are():
    made = model()
    before = made[0].weight.detach().clone()
    steps = optimizers(made, [made[0]], learning_rate=0.1, weight_decay=0.5)
    for ids in ([1, 1, 4], [1]):
        learn_rows(made, ids)
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
    learn_rows(made, [2])
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
    if by_row:
        learn_rows(made, [1, 1, 4])
    else:
        loss(made, [1, 1, 4]).backward()
    dense = [p.grad.to_dense() if p.grad.is_sparse else p.grad for p in made.parameters()]
    norm = torch.linalg.vector_norm(torch.cat([g.flatten() for g in dense]))
    wanted = [g / norm * 0.01 for g in dense]
    clip(made.parameters(), 0.01)
    for parameter, grad in zip(made.parameters(), wanted, strict=True):
        found = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
        torch.testing.assert_close(found, grad, rtol=1e-3, atol=1e-7)


def test_rows_follow_the_rule_of_sparse_adam():
    own, its = model(), model()
    its[0].sparse = True
    steps = optimizers(own, [own[0]], learning_rate=0.1, weight_decay=0.0)
    peers = [torch.optim.SparseAdam(its[0].parameters(), lr=0.1, eps=1e-6), torch.optim.SGD(its[1].parameters(), lr=0)]
    steps[0].param_groups[0]["lr"] = steps[0].param_groups[1]["lr"] = 0
    for ids in ([1, 4, 1], [2, 4], [4, 4, 4], [1, 5]):
        learn_rows(own, ids)
        loss(its, ids).backward()
        for step in (*steps, *peers):
            step.step()
            step.zero_grad()
    torch.testing.assert_close(own[0].weight, its[0].weight, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("padding", [None, 0])
def test_rows_have_the_gradient_of_the_whole_table_but_for_padding(padding):
    """As in stock tables a padding index learns nothing, whether it is among the rows or read beside them."""
    torch.manual_seed(0)
    table, asked = nn.Embedding(6, 3, padding_idx=padding), torch.tensor([[2, 0, 5, 2]])
    weight = torch.randn(1, 4, 3)
    (table(asked) * weight).sum().backward()
    wanted, table.weight.grad = table.weight.grad, None
    for distinct in (torch.tensor([0, 2, 5]), torch.tensor([2, 5])):
        with touched([table], distinct) as (rows,):
            (made := (table(asked) * weight).sum()).backward()
        hand_over(table, distinct, rows.gradient)
        found = table.weight.grad.to_dense()
        torch.testing.assert_close(found[1:], wanted[1:])
        assert not found[0].any() or (padding is None and 0 in distinct)
        torch.testing.assert_close(made, (table(asked) * weight).sum())

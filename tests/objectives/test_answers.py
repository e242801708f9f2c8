"""What `labels` and `soft_targets` make of logits that are no classes, by hand-computed numbers."""

import math
from dataclasses import replace

import pytest
import torch

from limbeck.core.errors import RecipeError
from limbeck.nn.types import Batch, Dims, Outputs
from limbeck.objectives import labels, soft_targets

NAN = float("nan")
LN3 = math.log(3.0)  # a logit of a probability of 3/4
DIMS = {"classes": Dims(1, 4, 1, 4, 2, "classes"), "value": Dims(1, 4, 1, 4, 1, "value")}
LOGITS = {"classes": [[0.0, LN3], [LN3, -LN3], [9.0, 9.0]], "value": [[1.0], [-2.0], [9.0]]}
TEACHER = {"classes": [[LN3, LN3], [0.0, 0.0], [9.0, 9.0]], "value": [[1.0], [2.0], [8.0]]}
TARGETS = {"classes": [[1.0, 0.0], [1.0, 0.0], [NAN, NAN]], "value": [2.0, 0.0, NAN]}
KINDS = sorted(DIMS)


def outputs(values) -> Outputs:
    return Outputs(logits=torch.tensor(values, requires_grad=True))


def batch(targets) -> Batch:
    ids = torch.ones(len(targets), dtype=torch.long)
    rows = torch.arange(len(targets))
    return Batch(ids, 0 * ids, (1,) * len(targets), torch.tensor(targets), rows, rows)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("classes", (math.log(2) + math.log(4) + 2 * math.log(4 / 3)) / 4), ("value", (1 + 4) / 2)],
)
def test_true_labels_by_hand(kind, expected):
    student = outputs(LOGITS[kind])
    loss = labels.build(labels.Spec(), DIMS[kind], DIMS[kind])(student, Outputs(), batch(TARGETS[kind]))
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert torch.isfinite(student.logits.grad).all()
    assert (student.logits.grad[2] == 0).all()  # its truth is unknown


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


@pytest.mark.parametrize(
    ("kind", "expected"), [("classes", (kl(3 / 4, 1 / 2) + 0 + 2 * kl(1 / 2, 3 / 4)) / 6), ("value", (0 + 16 + 1) / 3)]
)
def test_soft_targets_by_hand(kind, expected):
    objective = soft_targets.build(soft_targets.Spec(temperature=1.0), DIMS[kind], DIMS[kind])
    loss = objective(outputs(LOGITS[kind]), outputs(TEACHER[kind]), batch(TARGETS[kind]))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_soft_targets_are_zero_where_both_are_equal(kind):
    objective = soft_targets.build(soft_targets.Spec(), DIMS[kind], DIMS[kind])
    assert objective(outputs(TEACHER[kind]), outputs(TEACHER[kind]), batch(TARGETS[kind])).item() == 0


def test_the_gradient_is_that_of_binary_cross_entropy():
    student, temperature = outputs(LOGITS["classes"]), 2.0
    teacher = torch.tensor(TEACHER["classes"])
    soft_targets.binary_soft_target_loss(student.logits, teacher, temperature).backward()
    again = torch.tensor(LOGITS["classes"], requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(again / temperature, (teacher / temperature).sigmoid())
    (temperature**2 * loss).backward()
    torch.testing.assert_close(student.logits.grad, again.grad)


def test_values_and_sets_are_not_smoothed():
    for kind in KINDS:
        with pytest.raises(RecipeError, match=r"labels\.smoothing: 0\.1 is for tasks with one class"):
            labels.build(labels.Spec(smoothing=0.1), DIMS[kind], DIMS[kind])
    assert labels.build(labels.Spec(smoothing=0.1), replace(DIMS["value"], answer="class"), DIMS["value"])


def test_nothing_known_costs_nothing():
    for kind in KINDS:
        unknown = batch([[NAN] * 2] * 3 if kind == "classes" else [NAN] * 3)
        assert (
            labels.build(labels.Spec(), DIMS[kind], DIMS[kind])(outputs(LOGITS[kind]), Outputs(), unknown).item() == 0
        )

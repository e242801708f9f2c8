"""The true class against the rest, and the rest among itself."""

import math
from dataclasses import replace

import pytest
import torch

from limbeck.nn.reduce import kl_divergence
from limbeck.objectives.dkd import Spec, build
from tests.objectives import flat


def kl(teacher, student):
    return sum(t * math.log(t / s) for t, s in zip(teacher, student, strict=True))


@pytest.mark.parametrize(("temperature", "target", "others"), [(1, 1, 1), (3, 1, 8), (2, 0.5, 0)])
def test_is_what_a_loop_over_items_finds(temperature, target, others):
    batch = flat.batch(per_word=True)
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    losses = []
    for item, true in enumerate(batch.targets.tolist()):
        p, q = ((x.logits[item] / temperature).softmax(-1).tolist() for x in (teacher, student))
        binary = kl((p[true], 1 - p[true]), (q[true], 1 - q[true]))
        rest = [[x / (1 - side[true]) for i, x in enumerate(side) if i != true] for side in (p, q)]
        losses.append(temperature**2 * (target * binary + others * kl(*rest)))
    spec = Spec(temperature=temperature, target=target, others=others)
    found = build(spec, flat.STUDENT, flat.TEACHER)(student, teacher, batch)
    assert found.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_parts_weighed_by_the_teachers_doubt_are_plain_soft_targets():
    """Equation 6 of the paper: KL is the first part, and the second times 1 − p of the true class."""
    batch = flat.batch()
    student, teacher = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    for item in range(len(batch.items)):
        logits = [replace(x, logits=x.logits[[item]]) for x in (student, teacher)]
        one = replace(batch, targets=batch.targets[[item]], items=batch.items[[item]])
        doubt = 1 - logits[1].logits.softmax(-1)[0, one.targets[0]].item()
        spec = Spec(temperature=1, target=1, others=doubt)
        plain = kl_divergence(logits[0].logits, logits[1].logits)[0]
        torch.testing.assert_close(build(spec, flat.STUDENT, flat.TEACHER)(*logits, one), plain)


def test_of_an_unlabelled_item_the_teachers_class_is_the_true_one():
    batch = flat.batch()
    both = flat.outputs(flat.STUDENT, batch, 1), flat.outputs(flat.TEACHER, batch, 2)
    objective = build(Spec(), flat.STUDENT, flat.TEACHER)
    unknown = replace(batch, targets=torch.full_like(batch.targets, -1))
    told = replace(batch, targets=both[1].logits.argmax(1))
    torch.testing.assert_close(objective(*both, unknown), objective(*both, told))

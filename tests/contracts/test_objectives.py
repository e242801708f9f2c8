"""What every objective must be, whatever it computes."""

import dataclasses
import re

import pytest
import torch
import yaml

from limbeck.core.shelf import shelf
from limbeck.nn.types import Batch, Dims, Outputs, Reads
from tests import models

NAMES = shelf("objectives").names()
STUDENT = Dims(layers=2, hidden=24, heads=4, intermediate=48, labels=3)
TEACHER = dataclasses.replace(STUDENT, layers=4)
ZERO_WHEN_EQUAL = {"soft_targets", "hidden_states", "attention_scores", "attention_relations"}


def build(name: str, student: Dims = STUDENT, teacher: Dims = TEACHER):
    objectives = shelf("objectives")
    return objectives.build(objectives.spec(name)(), student, teacher)


def everything(dims: Dims) -> Reads:
    layers = frozenset(range(1, dims.layers + 1))
    return Reads(True, layers | {0}, layers, layers, layers)


def outputs(batch: Batch, *, per_word: bool) -> tuple[Outputs, Outputs]:
    student = models.model(layers=2, per_word=per_word, seed=5)
    teacher = models.model(layers=4, per_word=per_word, seed=6)
    with torch.no_grad():
        answers = teacher.run(batch, everything(TEACHER))
    return student.run(batch, everything(STUDENT)), answers


@pytest.fixture(params=[False, True], ids=["texts", "words"])
def per_word(request) -> bool:
    return request.param


@pytest.mark.parametrize("name", NAMES)
def test_cites_a_source(name):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", shelf("objectives").load(name).__doc__)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_finite_scalar_whose_gradient_reaches_the_student(name, per_word):
    batch = models.batch(per_word=per_word)
    student = models.model(layers=2, per_word=per_word, seed=5)
    _, answers = outputs(batch, per_word=per_word)
    loss = build(name)(student.run(batch, everything(STUDENT)), answers, batch)
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert loss > 0
    assert student.parts.layers[0].query.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_nothing(name, per_word):
    """A network that pads and one that packs give the same loss and the same gradients."""
    batch, objective = models.batch(per_word=per_word), build(name)
    found = []
    for packs in (True, False):
        student, teacher = (models.model(layers=n, per_word=per_word, seed=n, packs=packs) for n in (2, 4))
        with torch.no_grad():
            answers = teacher.run(batch, everything(TEACHER))
        loss = objective(student.run(batch, everything(STUDENT)), answers, batch)
        loss.backward()
        found.append((loss, student.parts.layers[0].query.weight.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_the_batch_changes_nothing(name, per_word):
    objective, batch = build(name), models.batch(per_word=per_word)
    losses = [objective(*outputs(b, per_word=per_word), b) for b in (batch, models.chosen(batch, [2, 0, 3, 1]))]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", sorted(ZERO_WHEN_EQUAL))
def test_is_zero_when_the_student_equals_the_teacher(name, per_word):
    batch = models.batch(per_word=per_word)
    with torch.no_grad():
        same = models.model(layers=4, per_word=per_word, seed=6).run(batch, everything(TEACHER))
        loss = build(name, TEACHER, TEACHER)(same, same, batch)
    assert abs(loss.item()) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_is_about_the_same_in_bf16(name, per_word):
    batch = models.batch(per_word=per_word)
    objective = build(name)
    student, teacher = outputs(batch, per_word=per_word)
    halved = [_as_bf16(x) for x in (student, teacher)]
    with torch.autocast("cpu", torch.bfloat16):
        low = objective(*halved, batch)
    torch.testing.assert_close(low.float(), objective(student, teacher, batch), rtol=0.05, atol=0.02)


def _as_bf16(outputs: Outputs) -> Outputs:
    parts = {
        k: {n: x.bfloat16() for n, x in getattr(outputs, k).items()} for k in ("hidden", "queries", "keys", "values")
    }
    return Outputs(logits=outputs.logits.bfloat16(), **parts)


@pytest.mark.parametrize("name", NAMES)
def test_reads_no_more_than_it_says(name, per_word):
    objective = build(name)
    batch = models.batch(per_word=per_word)
    student = models.model(layers=2, per_word=per_word, seed=5).run(batch, objective.student_reads)
    with torch.no_grad():
        teacher = models.model(layers=4, per_word=per_word, seed=6).run(batch, objective.teacher_reads)
    if not objective.teacher_reads:
        teacher = Outputs()
    assert torch.isfinite(objective(student, teacher, batch))


@pytest.mark.parametrize("name", NAMES)
def test_spec_survives_yaml(name):
    spec = shelf("objectives").spec(name)(weight=0.25)
    text = yaml.safe_dump({"kind": name, **spec.model_dump(mode="json")})
    assert shelf("objectives").parse(yaml.safe_load(text), "x") == spec


@pytest.mark.parametrize("name", NAMES)
def test_narrower_student_is_accepted_or_refused_with_the_remedy(name):
    narrow = dataclasses.replace(STUDENT, hidden=12, heads=2)
    from limbeck.core.errors import RecipeError

    try:
        assert build(name, student=narrow) is not None
    except RecipeError as error:
        assert name in str(error)
        assert "heads" in str(error)

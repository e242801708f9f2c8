"""A training step never waits for its device: no operation of it has a shape, or a number for the host, made of values.

What such operations are PyTorch tells by tags, so that it shows on a CPU, which never waits, as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch.utils._python_dispatch import TorchDispatchMode

from limbeck.core.shelf import shelf
from limbeck.engine.filling import Filling
from limbeck.engine.mixture import Mixture, mix
from limbeck.engine.step import Step
from limbeck.engine.training import Training
from limbeck.nn.generators import generator_of
from limbeck.nn.model import Model, tapped
from limbeck.nn.types import Batch, Outputs
from tests import models
from tests.engine.test_teacher_cache import rows


class Waits(TorchDispatchMode):
    """Collects the names of operations for whose result a host has to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tags = set(func.tags)
        if func is torch.ops.aten.index.Tensor and all(i is None or i.dtype != torch.bool for i in args[1]):
            tags.clear()
        if tags & {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}:
            self.found.add(str(func))
        return func(*args, **(kwargs or {}))


def waits(mixture: Mixture, batches: Sequence[Batch], teacher: Model | None = None, **fields: Any) -> set[str]:
    """Operations that a step waits for, and its teacher, if it runs in each step."""
    step = Step(mixture, Training(warmup_fraction=0.0, **fields), Accelerator(cpu=True), 9)
    with Waits() as mode:
        with torch.no_grad():
            answers = [teacher.run(b, mixture.teacher_reads) if teacher else Outputs() for b in batches]
        step(list(zip(batches, answers, strict=True)))
    return mode.found


def of_task(student: Model, objective: str, **fields: Any) -> set[str]:
    """The same of a step of two parts."""
    teacher = models.model(layers=4, per_word=student.per_word, seed=2)
    mixture = mix(student, [shelf("objectives").load(objective).Spec()], teacher.dims)
    parts = rows(per_word=student.per_word).parts([3, 11, 0, 7, 5], 2, torch.device("cpu"))
    return waits(mixture, parts, teacher, **fields)


def test_what_waits_is_found():
    with Waits() as mode:
        numbers = torch.arange(3)
        numbers[numbers > 1].unique()
        numbers.sum().item()
    assert {name.partition(".")[2] for name in mode.found} == {
        "index.Tensor",
        "_unique2.default",
        "_local_scalar_dense.default",
    }


@pytest.mark.parametrize("embeddings", ["rows", "all"])
@pytest.mark.parametrize("family", sorted(shelf("backbones").names()))
def test_no_family_waits(family, embeddings):
    assert of_task(models.model(family, layers=2, seed=1), "soft_targets", embeddings=embeddings) == set()


@pytest.mark.parametrize("per_word", [False, True], ids=["texts", "words"])
@pytest.mark.parametrize("objective", sorted(set(shelf("objectives").names()) - {"text_relation"}))
def test_no_objective_waits(objective, per_word):
    assert of_task(models.model(layers=2, per_word=per_word, seed=1), objective) == set()


@pytest.mark.parametrize("asked", ["words", "order", "replaced"])
def test_nothing_that_is_asked_about_raw_text_waits(asked):
    batch = models.masked()
    student = tapped(models.pretrained("electra" if asked == "replaced" else "bert", "PreTraining"), per_word=True)
    objectives: list[Any] = [shelf("objectives").load("labels").Spec()]
    filling = None
    if asked == "order":
        batch = replace(batch, relations=torch.tensor([0, 1, -1, 0]))
        objectives.append(shelf("objectives").load("text_relation").Spec())
    if asked == "replaced":
        generator = generator_of(student, 0.5)
        filling = Filling(mix(generator, objectives, generator.dims))
        batch = replace(batch, targets=batch.targets.clamp(min=0), chances=torch.rand(len(batch.items)))
    mixture = mix(student, objectives, student.dims, filling=filling)
    assert waits(mixture, [batch]) == set()

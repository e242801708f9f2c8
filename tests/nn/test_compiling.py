"""Compiled layers give the losses and gradients of plain ones, under the stock names."""

import shutil

import pytest
import torch

from limbeck.core.errors import RecipeError
from limbeck.core.spec import parse
from limbeck.engine.mixture import mix
from limbeck.engine.training import Training
from limbeck.nn.compiling import compiled, fault
from limbeck.objectives.attention_relations import Spec as AttentionRelations
from limbeck.objectives.hidden_states import Spec as HiddenStates
from limbeck.objectives.labels import Spec as Labels
from tests import models

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")


@pytest.mark.slow
@needs_compiler
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("family", models.FAMILIES)
def test_compiled_layers_are_the_plain_ones(family):
    student, teacher = models.model(family, layers=2, seed=1), models.model(family, seed=2)
    names = list(student.network.state_dict())
    mixture = mix(student, [Labels(), HiddenStates(), AttentionRelations()], teacher.dims)
    for lengths in ((7, 4, 9, 4), (12, 4, 9, 8, 7)):
        batch = models.batch(lengths)
        with torch.no_grad():
            answers = teacher.run(batch, mixture.teacher_reads)
        plain = _learnt(mixture, batch, answers)
        with compiled(student):
            assert list(student.network.state_dict()) == names
            fast = _learnt(mixture, batch, answers)
        torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)
        assert all("forward" not in vars(part.layer) for part in student.parts.layers)


def _learnt(mixture, batch, answers):
    mixture.zero_grad()
    terms = mixture(batch, answers)
    terms["loss"].backward()
    return terms, {name: p.grad for name, p in mixture.named_parameters() if p.grad is not None}


def test_a_missing_compiler_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(torch, "compile", _refusing)
    fault.cache_clear()
    with pytest.raises(RecipeError, match=r"(?s)finetune.*compile.*no compiler here.*install"):
        parse(Training, {"compile": True}, "finetune")
    fault.cache_clear()


def _refusing(*_, **__):
    def run(*_, **__):
        raise RuntimeError("no compiler here\nand much more")

    return run

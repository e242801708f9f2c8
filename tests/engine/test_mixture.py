"""Sums of objectives."""

from dataclasses import replace

import pytest
import torch

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Ramp
from limbeck.engine.mixture import mix
from limbeck.nn.types import Dims, Moment, Outputs, Reads
from limbeck.objectives import AttentionScores, HiddenStates, Labels, SoftTargets
from tests import models

TEACHER = Dims(4, 24, 4, 48, 3)


def test_loss_is_the_weighted_sum_of_the_terms():
    batch, student = models.batch(), models.model(layers=2)
    mixture = mix(student, [Labels(weight=0.25), SoftTargets(weight=2.0)], TEACHER)
    with torch.no_grad():
        teacher = models.model(seed=3).run(batch, Reads(logits=True))
        terms = mixture(batch, teacher)
        alone = mix(student, [Labels()], TEACHER)(batch, Outputs())["labels"]
    assert set(terms) == {"loss", "labels", "soft_targets"}
    torch.testing.assert_close(terms["labels"], 0.25 * alone)
    torch.testing.assert_close(terms["loss"], terms["labels"] + terms["soft_targets"])


def test_reads_are_the_union_over_objectives():
    mixture = mix(models.model(layers=2), [SoftTargets(), HiddenStates(), AttentionScores(layers="last")], TEACHER)
    assert mixture.student_reads == Reads(True, frozenset({0, 1, 2}), frozenset({2}), frozenset({2}))
    assert mixture.teacher_reads == Reads(True, frozenset({0, 2, 4}), frozenset({4}), frozenset({4}))


def test_projections_are_trained_with_the_student():
    mixture = mix(models.model(layers=2), [HiddenStates()], TEACHER)
    names = [n for n, _ in mixture.named_parameters()]
    assert sum("projections" in n for n in names) == 3


@pytest.mark.parametrize("specs", [[], [Labels(weight=0)], [Labels(), Labels()]], ids=["none", "weightless", "twice"])
def test_mixtures_that_make_no_sense_are_refused(specs):
    with pytest.raises(RecipeError, match="objectives"):
        mix(models.model(layers=2), specs, TEACHER)


def test_a_weight_changes_during_the_phase():
    batch, student = models.batch(), models.model(layers=2)
    mixture = mix(student, [Labels(weight=Ramp(start=0, to=2)), SoftTargets()], TEACHER)
    with torch.no_grad():
        teacher = models.model(seed=3).run(batch, mixture.teacher_reads)
        alone = mix(student, [Labels()], TEACHER)(batch, Outputs())["labels"]
        for progress, weight in ((0.0, 0.0), (0.25, 0.5), (1.0, 2.0)):
            terms = mixture(replace(batch, moment=Moment(progress)), teacher)
            torch.testing.assert_close(terms["labels"], weight * alone)


def test_a_mixture_is_steady_where_nothing_ramps():
    student, ramp = models.model(layers=2), Ramp(start=4, to=1)
    assert mix(student, [Labels(weight=0.5), SoftTargets()], TEACHER).steady
    assert not mix(student, [Labels(weight=ramp)], TEACHER).steady
    assert not mix(student, [Labels(), SoftTargets(temperature=ramp)], TEACHER).steady

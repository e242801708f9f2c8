"""Parts of a batch give the step that the whole batch gives, packed or padded."""

import copy
from contextlib import nullcontext

import pytest
import torch
from accelerate import Accelerator

from limbeck.engine.mixture import mix
from limbeck.engine.rows import Rows
from limbeck.engine.step import Step
from limbeck.engine.training import Training
from limbeck.nn.types import Outputs
from limbeck.objectives.attention_relations import Spec as AttentionRelations
from limbeck.objectives.attention_scores import Spec as AttentionScores
from limbeck.objectives.hidden_states import Spec as HiddenStates
from limbeck.objectives.labels import Spec as Labels
from limbeck.objectives.soft_targets import Spec as SoftTargets
from tests import models
from tests.engine.test_teacher_cache import rows

OBJECTIVES = [SoftTargets(), Labels(), HiddenStates(), AttentionScores(), AttentionRelations()]


def trained(made: Rows, parts: int, *, per_word: bool, packs: bool = True, **fields) -> tuple[dict, dict]:
    """Losses and weights after three steps on batches that are run in parts."""
    torch.manual_seed(3)
    student = models.model(layers=2, per_word=per_word, seed=1, packs=packs)
    teacher = models.model(per_word=per_word, seed=2)
    mixture = mix(student, OBJECTIVES, teacher.dims)
    step = Step(mixture, Training(learning_rate=1e-2, warmup_fraction=0.0, **fields), Accelerator(cpu=True), 9)
    mixture.network.eval()
    for indices in ([3, 11, 0, 7, 5], [1, 2, 19, 4, 6, 8], [9]):
        batches = made.parts(indices, parts, torch.device("cpu"))
        with torch.no_grad():
            answers = [teacher.run(batch, mixture.teacher_reads) for batch in batches]
        terms = step(list(zip(batches, answers, strict=True)))
    return terms, copy.deepcopy(mixture.network.state_dict())


@pytest.fixture(params=[False, True], ids=["texts", "words"])
def per_word(request) -> bool:
    return request.param


@pytest.mark.parametrize("embeddings", ["rows", "all"])
@pytest.mark.parametrize("parts", [2, 3])
def test_parts_add_up_to_the_whole(per_word, parts, embeddings):
    made = rows(per_word=per_word)
    whole, split = (trained(made, n, per_word=per_word, embeddings=embeddings) for n in (1, parts))
    torch.testing.assert_close(split[0], whole[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(split[1], whole[1], rtol=1e-4, atol=1e-4)


def test_packed_and_padded_are_the_same_step(per_word):
    made = rows(per_word=per_word)
    packed, padded = (trained(made, 1, per_word=per_word, packs=packs) for packs in (True, False))
    torch.testing.assert_close(packed[0], padded[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(packed[1], padded[1], rtol=1e-4, atol=1e-5)


def test_a_step_that_overflows_changes_nothing_but_the_scale(monkeypatch):
    """fp16's scaler as on a GPU; of a word vector, by row, as of everything else."""
    student = models.model(layers=2, seed=1)
    mixture = mix(student, [Labels()], student.dims)
    accelerator = Accelerator(cpu=True)
    monkeypatch.setattr(accelerator.state, "_mixed_precision", "fp16")
    monkeypatch.setattr(accelerator, "native_amp", True)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    step = Step(mixture, Training(warmup_fraction=0.0), accelerator, 9)
    parts = [(rows(per_word=False).batch([3, 11, 0, 7], torch.device("cpu")), Outputs())]
    before = copy.deepcopy(mixture.network.state_dict())
    while accelerator.scaler.get_scale() == 2.0**40:
        step(parts)
    for name, value in mixture.network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("embeddings", ["rows", "all"])
def test_scaled_gradients_give_the_step_of_unscaled_ones(embeddings, monkeypatch):
    made = []
    for scale in (None, 2.0**10):
        student = models.model(layers=2, seed=1)
        mixture = mix(student, [Labels()], student.dims)
        accelerator = Accelerator(cpu=True)
        monkeypatch.setattr(accelerator.state, "_mixed_precision", "no" if scale is None else "fp16")
        monkeypatch.setattr(accelerator, "native_amp", scale is not None)
        monkeypatch.setattr(accelerator, "autocast", nullcontext)
        accelerator.scaler = scale and torch.amp.GradScaler("cpu", init_scale=scale)
        # A norm far below the rate's epsilon would be seen: Adam itself forgives any scale.
        step = Step(mixture, Training(warmup_fraction=0.0, clip_norm=1e-6, embeddings=embeddings), accelerator, 9)
        step([(rows(per_word=False).batch([3, 11, 0, 7], torch.device("cpu")), Outputs())])
        made.append(copy.deepcopy(mixture.network.state_dict()))
    torch.testing.assert_close(made[1], made[0], rtol=1e-4, atol=1e-7)


def test_phases_may_differ_in_what_they_update():
    student = models.model(layers=2, seed=1)
    for embeddings in ("rows", "all"):
        mixture = mix(student, [Labels()], student.dims)
        step = Step(mixture, Training(embeddings=embeddings), Accelerator(cpu=True), 9)
        step([(rows(per_word=False).batch([3, 11, 0, 7], torch.device("cpu")), Outputs())])
    assert not student.parts.tables[0].sparse


def test_a_part_without_labels_has_no_share_of_the_labels():
    inputs, targets = zip(*(((row), [t]) for row, t in zip(_encoded(), (-1, 2, -1), strict=True)), strict=True)
    made = Rows.of(inputs, targets, per_word=False)
    parts = made.parts([0, 1, 2], 3, torch.device("cpu"))
    assert sorted(part.shares["labelled"] for part in parts) == [0.0, 0.0, 1.0]
    assert sum(part.shares["tokens"] for part in parts) == pytest.approx(1.0)
    student = models.model(layers=2)
    mixture = mix(student, [Labels()], student.dims)
    losses = [mixture(part, Outputs())["loss"] for part in parts]
    whole = mixture(made.batch([0, 1, 2], torch.device("cpu")), Outputs())["loss"]
    torch.testing.assert_close(torch.stack(losses).sum(), whole)


def _encoded():
    from limbeck.text.encode import Encoded

    return [Encoded([5, 6, 7], [0] * 3), Encoded([8, 9], [0] * 2), Encoded([5, 9, 11, 12], [0] * 4)]

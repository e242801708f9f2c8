"""Objectives over a vocabulary: chunks, parts and processes give the losses and the steps of the whole."""

import copy
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Ramp
from limbeck.engine.filling import Filling
from limbeck.engine.mixture import build_objectives, mix
from limbeck.engine.rows import Rows
from limbeck.engine.step import Step
from limbeck.engine.training import Training
from limbeck.nn import vocabulary
from limbeck.nn.generators import generator_of
from limbeck.nn.model import tapped
from limbeck.nn.types import Moment, Outputs
from limbeck.objectives import AttentionRelations, Cosine, Dist, HiddenStates, Labels, LogitMse, SoftTargets
from limbeck.text.encode import Encoded
from tests import models

OBJECTIVES = [
    SoftTargets(weight=5.0, temperature=Ramp(start=4, to=1)),
    Labels(weight=Ramp(start=0, to=2)),
    LogitMse(weight=0.1),
    Cosine(),
    HiddenStates(),
    AttentionRelations(),
]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Of three items."""
    monkeypatch.setattr(vocabulary, "CHUNK_BYTES", 3 * 4 * models.VOCABULARY)


def pair(family="bert", **size):
    student = tapped(models.pretrained(family, layers=2, seed=1, **size), per_word=True)
    return student, tapped(models.pretrained(family, seed=2), per_word=True)


def answers(teacher, batch, mixture):
    with torch.no_grad():
        return teacher.run(batch, mixture.teacher_reads)


def learnt(mixture, loss):
    """A loss and the gradients of all that it reaches."""
    mixture.zero_grad()
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in mixture.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("family", models.FAMILIES)
@pytest.mark.parametrize("progress", [0.0, 0.6])
def test_chunks_give_what_whole_logits_give(family, progress):
    """A term by itself, too; objectives are called as they are, with all logits at once."""
    student, teacher = pair(family)
    mixture = mix(student, OBJECTIVES, teacher.dims)
    batch = replace(models.masked((9, 5, 9, 12, 3)), moment=Moment(progress))
    taught = answers(teacher, batch, mixture)
    terms = mixture(batch, taught)
    chunked = learnt(mixture, terms["loss"])
    own = student.run(batch, mixture.student_reads)
    own.logits, whole = own.vocabulary.logits(), replace(taught, logits=taught.vocabulary.logits())
    weights = {"soft_targets": 5.0, "labels": 2 * progress, "logit_mse": 0.1}
    wanted = {name: weights.get(name, 1.0) * o(own, whole, batch) for name, o in mixture.objectives.items()}
    torch.testing.assert_close({n: v.detach() for n, v in terms.items() if n != "loss"}, detached(wanted))
    assert list(terms) == ["loss", *mixture.objectives]
    torch.testing.assert_close(chunked, learnt(mixture, sum(wanted.values())), rtol=1e-5, atol=1e-5)


def detached(terms):
    return {name: value.detach() for name, value in terms.items()}


def test_scoring_gives_the_same_values_without_gradients():
    student, teacher = pair()
    mixture, batch = mix(student, OBJECTIVES, teacher.dims), models.masked()
    taught = answers(teacher, batch, mixture)
    with torch.no_grad():
        terms = mixture(batch, taught)
    assert not terms["loss"].requires_grad
    torch.testing.assert_close(terms, detached(mixture(batch, taught)))


def test_half_precision_rounds_and_no_more():
    student, teacher = pair()
    mixture, batch = mix(student, OBJECTIVES, teacher.dims), models.masked()
    taught = answers(teacher, batch, mixture)
    exact = learnt(mixture, mixture(batch, taught)["loss"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = mixture(batch, taught)
    assert all(value.dtype == torch.float32 for value in terms.values())
    half = learnt(mixture, terms["loss"])
    torch.testing.assert_close(half[0], exact[0], rtol=0.02, atol=0.02)
    for name, gradient in half[1].items():
        direction = torch.cosine_similarity(gradient.flatten(), exact[1][name].flatten(), dim=0)
        assert direction > 0.95 or gradient.norm() < 1e-3, name


def test_nothing_known_is_no_fault():
    student, teacher = pair()
    mixture, batch = mix(student, [Labels(), SoftTargets()], teacher.dims), models.masked()
    unknown = replace(batch, targets=torch.full_like(batch.targets, -1))
    assert mixture(unknown, answers(teacher, unknown, mixture))["labels"] == 0
    none = replace(batch, items=batch.items[:0], targets=batch.targets[:0])
    terms = mixture(none, answers(teacher, none, mixture))
    assert terms["loss"] == 0
    terms["loss"].backward()


def test_a_discriminator_learns_which_tokens_were_replaced():
    student = tapped(models.pretrained("electra", "PreTraining"), per_word=True)
    batch = models.masked()
    batch = replace(batch, targets=(batch.items % 2)[:, None].float())
    mixture = mix(student, [Labels()], student.dims)
    logits = student.run(batch, mixture.student_reads).logits
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.targets)
    torch.testing.assert_close(mixture(batch, Outputs())["labels"], wanted)


@pytest.mark.parametrize("family", models.FAMILIES)
def test_a_twin_learns_by_itself_and_its_decoder_stays_tied(family):
    student, teacher = pair(family)
    mixture = mix(student, [Labels()], teacher.dims)
    twin, batch = mixture.twin(), models.masked()
    table = twin.network.get_input_embeddings().weight
    assert twin.network.get_output_embeddings().weight is table
    assert table is not mixture.network.get_input_embeddings().weight
    twin(batch, Outputs())["loss"].backward()
    assert table.grad.abs().sum() > 0
    assert all(p.grad is None for p in mixture.parameters())
    assert mixture.untied_tables() == []


def test_words_that_a_generator_draws_may_be_any_rows_of_their_table():
    model = tapped(models.pretrained("electra", "PreTraining"), per_word=True)
    model.config.tie_word_embeddings = False
    generator = generator_of(model, 0.5)
    filling = Filling(mix(generator, [Labels()], generator.dims))
    assert mix(model, [Labels()], model.dims).untied_tables() == [model.parts.tables[0]]
    assert mix(model, [Labels()], model.dims, filling=filling).untied_tables() == []


def test_other_vocabularies_and_comparisons_of_items_are_refused():
    student, teacher = (one.dims for one in pair())
    for other in (replace(teacher, labels=61), models.model().dims):
        with pytest.raises(RecipeError, match=r"the student answers with 60 tokens .*the same tokenizer, or leave"):
            build_objectives([SoftTargets()], student, other)
    with pytest.raises(RecipeError, match=r"dist: compares items with one another.*use soft_targets or logit_mse"):
        build_objectives([Dist()], student, teacher)


def rows():
    """Rows of which every second token is asked for, and some of those not known."""
    draw = torch.Generator().manual_seed(0)
    inputs, targets = [], []
    for length in torch.randint(3, 12, (20,), generator=draw).tolist():
        ids = torch.randint(3, models.VOCABULARY, (length,), generator=draw).tolist()
        inputs.append(Encoded(ids, [0] * length, list(range(1, length, 2))))
        targets.append([-1 if place % 5 == 4 else ids[place] for place in range(1, length, 2)])
    return Rows.of(inputs, targets, per_word=True)


def trained(parts, accelerator, taken=slice(None)):
    """Losses and weights after two steps on batches that are run in parts, of which this process has some."""
    student, teacher = pair()
    mixture = mix(student, OBJECTIVES, teacher.dims)
    step = Step(mixture, Training(learning_rate=1e-2, warmup_fraction=0.0), accelerator, 9)
    mixture.network.eval()
    for indices in ([3, 11, 0, 7, 5], [1, 2, 19, 4, 6, 8]):
        batches = rows().parts(indices, parts, torch.device("cpu"))[taken]
        terms = step([(batch, answers(teacher, batch, mixture)) for batch in batches])
    return terms, copy.deepcopy(mixture.network.state_dict())


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_add_up_to_the_whole(parts):
    whole, split = (trained(count, Accelerator(cpu=True)) for count in (1, parts))
    torch.testing.assert_close(split[0], whole[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(split[1], whole[1], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_two_processes_take_the_step_of_one(tmp_path):
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__, str(tmp_path / "two.pt")]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(models.ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    _, wanted = trained(2, Accelerator(cpu=True))
    torch.testing.assert_close(torch.load(tmp_path / "two.pt"), wanted, rtol=1e-4, atol=1e-4)


if __name__ == "__main__":
    vocabulary.CHUNK_BYTES = 3 * 4 * models.VOCABULARY
    together = Accelerator(cpu=True)
    own = slice(together.process_index, together.process_index + 1)
    _, weights = trained(2, together, own)
    if together.is_main_process:
        torch.save(weights, sys.argv[1])
    together.end_training()

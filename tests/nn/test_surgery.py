"""Students cut from networks with the heads of pre-training: their heads follow, and stay tied to their tables."""

from dataclasses import replace

import pytest
import torch
import transformers

from limbeck.engine.mixture import mix
from limbeck.nn.checkpoint import fresh
from limbeck.nn.importance import by_place, measure_importance
from limbeck.nn.model import tapped
from limbeck.nn.stream import Kept, principal
from limbeck.nn.surgery import cut_depth, cut_width, top
from limbeck.nn.types import Dims, Outputs, Reads
from limbeck.objectives import Labels
from tests import models

FAMILIES = list(models.FAMILIES)
READS = Reads(logits=True, relation=True)
NARROW = Dims(4, 12, 4, 20)
BATCH = models.masked()


@pytest.fixture(params=["MaskedLM", "PreTraining"])
def head(request) -> str:
    return request.param


def teacher_of(family, head):
    return tapped(models.pretrained(family, head), per_word=True)


def build(head):
    return lambda config: fresh(config, f"AutoModelFor{head}")


def answers(model):
    """What all its heads answer."""
    model.network.eval()
    with torch.no_grad():
        found = model.run(BATCH, READS)
    logits = found.logits if found.vocabulary is None else found.vocabulary.logits()
    return logits, torch.zeros(0) if found.relation is None else found.relation


@pytest.mark.parametrize("family", FAMILIES)
def test_student_of_equal_size_answers_as_its_teacher(family, head):
    teacher = teacher_of(family, head)
    student = cut_depth(teacher, range(1, 5), build(head))
    torch.testing.assert_close(answers(student), answers(teacher))
    if (vocabulary := student.parts.vocabulary) is not None:
        assert vocabulary.decoder.weight is student.parts.tables[0].weight


@pytest.mark.parametrize("family", FAMILIES)
def test_shallow_student_has_its_teachers_head(family):
    teacher = teacher_of(family, "MaskedLM")
    student = cut_depth(teacher, (1, 4), build("MaskedLM"))
    own, given = student.parts.vocabulary, teacher.parts.vocabulary
    hidden = torch.randn(5, 24)
    torch.testing.assert_close(own.features(hidden), given.features(hidden))
    assert torch.equal(own.weight(), given.weight())
    assert torch.equal(own.bias(), given.bias())


def narrowed(teacher, width, head):
    """Of half the features, which are chosen as is said."""
    batches = [models.masked((9,) * 20, seed=seed) for seed in range(4)]
    if teacher.parts.vocabulary is None:
        batches = [replace(one, targets=(one.items % 2)[:, None].float()) for one in batches]
    mixture = mix(teacher, [Labels()], teacher.dims)
    loss = lambda batch: mixture(batch, Outputs())["loss"]  # noqa: E731
    order = measure_importance(teacher, batches, loss) if width == "importance" else by_place(teacher)
    stream = principal(teacher, 12, batches) if width == "pca" else Kept(top(order.hidden, 12))
    return cut_width(teacher, NARROW, build(head), order, stream)


@pytest.mark.parametrize("family", models.NARROWED)
@pytest.mark.parametrize("width", ["importance", "prefix", "pca"])
def test_narrow_student_saves_and_opens_with_stock_classes(family, head, width, tmp_path):
    teacher = teacher_of(family, head)
    student = narrowed(teacher, width, head)
    student.network.save_pretrained(tmp_path)
    stock = getattr(transformers, f"AutoModelFor{head}").from_pretrained(tmp_path, use_safetensors=True)
    again = tapped(stock, per_word=True)
    torch.testing.assert_close(answers(again), answers(student))
    assert again.dims.hidden == 12
    if (vocabulary := again.parts.vocabulary) is not None:
        assert vocabulary.decoder.weight is again.parts.tables[0].weight
        assert torch.equal(vocabulary.bias(), teacher.parts.vocabulary.bias())


@pytest.mark.parametrize("family", models.NARROWED)
def test_narrow_head_answers_as_its_teachers_where_it_loses_nothing(family):
    """Half of the features reach nobody, and are as the others, so that normalisations see the same."""
    teacher = teacher_of(family, "MaskedLM")
    given = teacher.parts.vocabulary
    with torch.no_grad():
        given.dense.weight[:, 12:] = 0
        if teacher.parts.projection is None:
            given.decoder.weight[:, 12:] = 0
            given.dense.weight[12:], given.dense.bias[12:] = (
                given.dense.weight[:12].clone(),
                given.dense.bias[:12].clone(),
            )
    own = cut_width(teacher, NARROW, build("MaskedLM"), by_place(teacher), Kept(torch.arange(12))).parts.vocabulary
    hidden = torch.randn(5, 24)
    logits = [
        head.features(seen) @ head.weight().T + head.bias() for head, seen in ((own, hidden[:, :12]), (given, hidden))
    ]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)


def test_components_bring_features_nearer_to_the_teachers_than_some_of_them():
    teacher = teacher_of("bert", "MaskedLM")
    wanted = answers(teacher)[0]
    left = {
        width: (answers(narrowed(teacher, width, "MaskedLM"))[0] - wanted).square().mean().item()
        for width in ("pca", "prefix")
    }
    assert left["pca"] < left["prefix"]

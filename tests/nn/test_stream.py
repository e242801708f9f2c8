"""Principal components as a stream: what is exact is exact, and students begin nearer than with some features."""

import pytest
import torch

from limbeck.nn.checkpoint import fresh
from limbeck.nn.importance import by_place
from limbeck.nn.stream import Kept, principal
from limbeck.nn.surgery import cut_width, top
from limbeck.nn.types import Dims, Reads
from tests import models

HEAD = "AutoModelForSequenceClassification"


@pytest.fixture(scope="module")
def batches():
    return [models.batch((9,) * 20, seed=seed) for seed in range(4)]


def student_of(teacher, stream, width):
    dims = Dims(4, width, 4, 48, 3)
    made = cut_width(teacher, dims, lambda c: fresh(c, HEAD), by_place(teacher), stream)
    made.network.eval()
    return made


def test_basis_is_orthonormal_and_brings_equal_features_to_equal_ones(batches):
    basis = principal(models.model(), 12, batches).basis
    torch.testing.assert_close(basis.T @ basis, torch.eye(12))
    torch.testing.assert_close(basis.sum(1) / 12**0.5, torch.full((24,), 24**-0.5))


def test_embeddings_are_projected_exactly_and_so_is_their_mean(batches):
    teacher = models.model()
    stream = principal(teacher, 12, batches)
    student = student_of(teacher, stream, 12)
    ids = torch.arange(3, 40)
    summed, given = (one.network.bert.embeddings.word_embeddings(ids) for one in (student, teacher))
    torch.testing.assert_close(summed, given @ stream.basis)
    centred, of = (x - x.mean(1, keepdim=True) for x in (summed, given))
    torch.testing.assert_close(centred, of @ stream.basis)


@pytest.mark.parametrize("family", models.NARROWED)
def test_student_answers_as_its_teacher_where_nothing_lies_outside_its_stream(family, batches):
    """Each feature of the stream is there twice, the upper half of each head is nothing, and norms weigh all alike."""
    teacher = models.model(family)
    parts = teacher.parts
    with torch.no_grad():
        writers = [one for layer in parts.layers for one in (layer.attention_out, layer.ffn_out)]
        for linear in (*writers, *([] if parts.projection is None else [parts.projection])):
            linear.weight[12:], linear.bias[12:] = linear.weight[:12].clone(), linear.bias[:12].clone()
        if parts.projection is None:
            for table in parts.tables:
                table.weight[:, 12:] = table.weight[:, :12].clone()
        for layer in parts.layers:
            for linear in (layer.query, layer.key, layer.value):
                linear.weight.view(4, 6, 24)[:, 3:] = 0
                linear.bias.view(4, 6)[:, 3:] = 0
        parts.classifier.weight[:, 12:] = 0
        student = student_of(teacher, principal(teacher, 12, batches), 12)
        answers = [one.run(models.batch(), Reads(True)).logits for one in (student, teacher)]
    torch.testing.assert_close(*answers, rtol=1e-3, atol=1e-4)


def test_components_begin_nearer_to_the_teacher_than_features(batches):
    teacher, reads = models.model(), Reads(hidden=frozenset({4}))
    streams = {"pca": principal(teacher, 12, batches), "prefix": Kept(top(by_place(teacher).hidden, 12))}
    seen = models.batch((9,) * 20, seed=9)
    with torch.no_grad():
        wanted = teacher.run(seen, reads).hidden[4]
        left = {
            name: unexplained(student_of(teacher, s, 12).run(seen, reads).hidden[4], wanted)
            for name, s in streams.items()
        }
    assert left["pca"] < left["prefix"]


def unexplained(given, wanted):
    """What a linear map leaves of the variance."""
    given, wanted = (x - x.mean(0) for x in (given, wanted))
    rest = wanted - given @ torch.linalg.lstsq(given, wanted).solution
    return (rest.square().sum() / wanted.square().sum()).item()

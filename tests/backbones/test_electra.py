"""ELECTRA: with a layer between narrower embeddings and the first layer, or without."""

import pytest
import torch

from limbeck.backbones.electra import Spec, build
from limbeck.core.errors import RecipeError
from limbeck.nn.checkpoint import fresh
from limbeck.nn.importance import by_place
from limbeck.nn.model import tapped
from limbeck.nn.stream import Kept
from limbeck.nn.surgery import cut_width
from limbeck.nn.types import Dims
from tests import models

HEAD = "AutoModelForSequenceClassification"


def test_embeddings_as_wide_as_the_stream_are_cut_with_it():
    config = models.config("electra")
    config.embedding_size = config.hidden_size
    teacher = tapped(fresh(config, HEAD), per_word=False)
    first, kept = by_place(teacher), Kept(torch.arange(12))
    student = cut_width(teacher, Dims(4, 12, 4, 20), lambda c: fresh(c, HEAD), first, kept)
    assert teacher.parts.projection is student.parts.projection is None
    for table, of in zip(student.parts.tables, teacher.parts.tables, strict=True):
        assert torch.equal(table.weight, of.weight[:, :12])


def test_student_as_wide_as_narrower_embeddings_is_refused():
    with pytest.raises(RecipeError, match=r"hidden=16 is the width of this ELECTRA's embeddings.*another hidden"):
        build(Spec(), models.config("electra"), Dims(2, 16, 4, 48))

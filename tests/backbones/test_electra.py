"""ELECTRA: with a layer between narrower embeddings and the first layer, or without."""

import pytest
import torch

from limbeck.backbones.electra import Spec, build
from limbeck.core.errors import RecipeError
from limbeck.nn.checkpoint import fresh
from limbeck.nn.model import tapped
from limbeck.nn.surgery import Importance, cut
from limbeck.nn.types import Dims
from tests import models

HEAD = "AutoModelForSequenceClassification"


def test_embeddings_as_wide_as_the_stream_are_cut_with_it():
    config = models.config("electra")
    config.embedding_size = config.hidden_size
    teacher = tapped(fresh(config, HEAD), per_word=False)
    first = Importance(torch.arange(24.0).flip(0), torch.ones(4, 4), torch.ones(4, 48))
    student = cut(teacher, Dims(2, 12, 4, 20), lambda c: fresh(c, HEAD), (1, 2), first)
    assert teacher.parts.projection is student.parts.projection is None
    for table, of in zip(student.parts.tables, teacher.parts.tables, strict=True):
        assert torch.equal(table.weight, of.weight[:, :12])


def test_student_as_wide_as_narrower_embeddings_is_refused():
    with pytest.raises(RecipeError, match=r"hidden=16 is the width of this ELECTRA's embeddings.*another hidden"):
        build(Spec(), models.config("electra"), Dims(2, 16, 4, 48))

"""What students will be, told before there are any; and what their parts are chosen by."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from limbeck.core.errors import RecipeError
from limbeck.engine.students import StudentSpec, corpus_ground, foresee_student
from limbeck.nn import vocabulary
from limbeck.nn.model import tapped
from limbeck.nn.outlook import outlook_of
from limbeck.nn.types import Reads
from tests import models
from tests.engine.test_corpus import WORDS, corpus_rows


@pytest.mark.parametrize("layers", ["spaced", "last", [1, 4]], ids=str)
def test_layers_that_are_one_and_the_same_leave_no_choice(layers, tmp_path):
    albert = outlook_of(models.backbone(tmp_path, "albert"), 32)
    assert foresee_student(StudentSpec(student="half"), albert).dims.layers == 2
    with pytest.raises(RecipeError, match=r"distil.layers: .* share their weights.*leave the field out"):
        foresee_student(StudentSpec(student="half", layers=layers), albert)


@pytest.mark.parametrize("family", ["bert", "mobilebert"])
def test_layers_that_are_not_there_are_refused_before_there_is_a_teacher(family, tmp_path):
    teacher = outlook_of(models.backbone(tmp_path, family), 32)
    assert foresee_student(StudentSpec(student="half", layers=[2, 4]), teacher).dims.layers == 2
    with pytest.raises(RecipeError, match=r"\[2, 5\] are not 2 layers"):
        foresee_student(StudentSpec(student="half", layers=[2, 5]), teacher)


@pytest.mark.parametrize("width", ["importance", "prefix", "pca"])
def test_mobilebert_is_not_narrowed(width, tmp_path):
    teacher = outlook_of(models.backbone(tmp_path, "mobilebert"), 32)
    with pytest.raises(RecipeError, match="only the layers can change"):
        foresee_student(StudentSpec(student="2x12", width=width), teacher)


def test_hidden_words_are_weighed_without_the_logits_of_all_tokens(monkeypatch):
    monkeypatch.setattr(vocabulary, "CHUNK_BYTES", 3 * 4 * models.VOCABULARY)
    made, logits = [], vocabulary.Vocabulary.logits
    monkeypatch.setattr(
        vocabulary.Vocabulary, "logits", lambda self, *places: made.append(logits(self, *places)) or made[-1]
    )
    ground = corpus_ground(corpus_rows(words=WORDS, every_token=True), answers=True)
    model, batch = tapped(models.pretrained(), per_word=True), ground.batches[0]
    found, gradients = [], []
    for loss in (ground.loss, _plain_loss):
        model.network.zero_grad()
        found.append(loss(model, batch))
        found[-1].backward()
        gradients.append([p.grad.clone() for p in model.network.parameters() if p.grad is not None])
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)
    *chunks, _ = map(len, made)
    assert max(chunks) == 3
    assert sum(chunks) == (batch.targets >= 0).sum() < len(batch.input_ids) / 4


def _plain_loss(model, batch):
    asked = model.run(batch, Reads(logits=True)).vocabulary
    return cross_entropy(asked.logits(), batch.targets, ignore_index=-1)

"""A BERT as a DistilBERT computes the same."""

import pytest
import torch
import transformers

from limbeck.core.errors import RecipeError
from limbeck.nn.kinship import as_distilbert
from limbeck.nn.model import tapped
from limbeck.nn.types import Reads
from tests import models

EVERYTHING = Reads(
    logits=True, hidden=frozenset({0, 2, 4}), queries=frozenset({1}), keys=frozenset({4}), values=frozenset({2})
)


def test_outputs_are_the_same_for_texts_of_the_first_type(tmp_path):
    bert = tapped(models.pretrained("bert"), per_word=True)
    distilled = as_distilbert(bert)
    batch = models.masked()
    with torch.no_grad():
        one, two = (model.run(batch, EVERYTHING) for model in (bert, distilled))
    for kind, layers in EVERYTHING.layers():
        for layer in layers:
            torch.testing.assert_close(getattr(two, kind)[layer], getattr(one, kind)[layer], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(two.vocabulary.logits(), one.vocabulary.logits(), rtol=1e-4, atol=1e-4)
    distilled.network.save_pretrained(tmp_path)
    stock = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert type(stock).__name__ == "DistilBertForMaskedLM"
    assert stock.vocab_projector.weight is stock.get_input_embeddings().weight


def test_tables_that_are_not_tied_stay_so():
    config = models.config("bert")
    config.tie_word_embeddings = False
    bert = tapped(transformers.AutoModelForMaskedLM.from_config(config).eval(), per_word=True)
    distilled = as_distilbert(bert)
    batch = models.masked()
    with torch.no_grad():
        one, two = (model.run(batch, Reads(logits=True)).vocabulary.logits() for model in (bert, distilled))
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-4)


def test_another_family_is_refused():
    with pytest.raises(RecipeError, match=r"only a BERT can become a DistilBERT \(found electra\)"):
        as_distilbert(tapped(models.pretrained("electra"), per_word=True))

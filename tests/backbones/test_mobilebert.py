"""MobileBERT: thin layers, of fixed widths, and tokens that see their neighbours."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from limbeck.backbones.mobilebert import Spec, build
from limbeck.core.errors import RecipeError
from limbeck.nn.model import tapped
from limbeck.nn.types import Dims, Reads
from tests import models


@pytest.mark.parametrize("dims", [Dims(4, 12, 4, 48), Dims(4, 24, 2, 48), Dims(4, 24, 4, 20)], ids=repr)
def test_other_widths_are_refused_with_what_can_change(dims):
    with pytest.raises(
        RecipeError, match=r"only the layers can change .*\(24, 4, 48\)\); give layers=N,hidden=24,heads=4"
    ):
        build(Spec(), models.config("mobilebert"), dims)


def test_heads_are_as_wide_as_the_bottleneck():
    model = models.model("mobilebert")
    with torch.no_grad():
        queries = model.run(models.batch(), Reads(queries=frozenset({1}))).queries[1]
    assert queries.flatten(1).shape[1] == model.dims.attended == 8 != model.dims.hidden


def test_padding_is_nothing_even_where_it_was_embedded():
    """A text's last token sees padding beside it, unless the text stands alone."""
    network, batch = models.network("mobilebert"), models.batch((7, 4))
    with torch.no_grad():
        network.get_input_embeddings().weight[0] = 1.0
        alone = torch.cat([network(ids[None]).logits for ids in batch.input_ids.split(batch.lengths)])
        torch.testing.assert_close(tapped(network, per_word=False).run(batch, Reads(True)).logits, alone)


def test_padding_may_have_another_number():
    config = models.config("mobilebert")
    config.pad_token_id = 5
    torch.manual_seed(0)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    batch = models.batch((7, 4))
    batch = replace(batch, input_ids=batch.input_ids.clamp(min=6))
    with torch.no_grad():
        alone = torch.cat([network(ids[None]).logits for ids in batch.input_ids.split(batch.lengths)])
        torch.testing.assert_close(tapped(network, per_word=False).run(batch, Reads(True)).logits, alone)

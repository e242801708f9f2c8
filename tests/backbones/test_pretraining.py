"""Networks with the heads of pre-training: their answers are the stock ones, packed and padded, saved and opened."""

from dataclasses import replace

import pytest
import torch
import transformers

from limbeck.nn.model import tapped
from limbeck.nn.types import Reads
from tests import models

MASKED = list(models.FAMILIES)
RELATED = ["bert", "albert", "mobilebert"]
BATCH = models.masked()


def texts(network, **options):
    """Each text of the batch alone through the stock network."""
    return [network(ids[None], **options) for ids in BATCH.input_ids.split(BATCH.lengths)]


def logits_of(outputs):
    """What stock networks call by several names, of the batch's items."""
    found = [getattr(one, "prediction_logits", getattr(one, "logits", None)) for one in outputs]
    return torch.cat([one[0] for one in found])[BATCH.items]


@pytest.fixture(params=[True, False], ids=["packed", "padded"])
def packs(request) -> bool:
    return request.param


def run(network, packs, reads):
    model = tapped(network, per_word=True)
    with torch.no_grad():
        return replace(model, packs=packs and model.packs).run(BATCH, reads)


@pytest.mark.parametrize("family", MASKED)
def test_a_masked_language_model_answers_as_the_stock_one(family, packs):
    got = run(models.pretrained(family), packs, Reads(logits=True))
    with torch.no_grad():
        wanted = logits_of(texts(models.pretrained(family)))
    assert got.logits is got.relation is None
    torch.testing.assert_close(got.vocabulary.logits(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", MASKED)
def test_answers_are_the_same_where_the_last_layer_is_read_whole(family, packs):
    one, other = (
        run(models.pretrained(family), packs, Reads(logits=True, hidden=frozenset(hidden)))
        for hidden in ((), (0, 2, 4))
    )
    torch.testing.assert_close(one.vocabulary.features, other.vocabulary.features)
    assert all(len(other.hidden[layer]) == len(BATCH.input_ids) for layer in (0, 2, 4))


@pytest.mark.parametrize("family", RELATED)
@pytest.mark.parametrize("whole", [False, True])
def test_both_heads_answer_as_the_stock_ones(family, packs, whole):
    layers = frozenset({4} if whole else ())
    got = run(models.pretrained(family, "PreTraining"), packs, Reads(logits=True, hidden=layers, relation=True))
    with torch.no_grad():
        wanted = texts(models.pretrained(family, "PreTraining"))
    torch.testing.assert_close(got.vocabulary.logits(), logits_of(wanted), rtol=1e-5, atol=1e-5)
    name = "sop_logits" if family == "albert" else "seq_relationship_logits"
    torch.testing.assert_close(got.relation, torch.cat([one[name] for one in wanted]))


@pytest.mark.parametrize("family", RELATED)
def test_what_is_not_read_is_not_given_and_nothing_masked_is_no_fault(family, packs):
    model = tapped(models.pretrained(family, "PreTraining"), per_word=True)
    empty = replace(BATCH, items=BATCH.items[:0], targets=BATCH.targets[:0])
    for reads in (Reads(logits=True), Reads(relation=True)):
        with torch.no_grad():
            got = replace(model, packs=packs and model.packs).run(empty, reads)
        assert (got.vocabulary is None, got.relation is None) == (not reads.logits, not reads.relation)
        assert got.vocabulary is None or got.vocabulary.logits().shape == (0, models.VOCABULARY)


def test_a_discriminator_answers_as_the_stock_one(packs):
    got = run(models.pretrained("electra", "PreTraining"), packs, Reads(logits=True))
    with torch.no_grad():
        wanted = logits_of(texts(models.pretrained("electra", "PreTraining")))
    assert got.vocabulary is None
    torch.testing.assert_close(got.logits, wanted[:, None])
    dims = tapped(models.pretrained("electra", "PreTraining"), per_word=True).dims
    assert (dims.labels, dims.answer) == (1, "classes")


@pytest.mark.parametrize("family", MASKED)
def test_dims_tell_the_vocabulary(family):
    model = tapped(models.pretrained(family), per_word=False)
    assert (model.dims.labels, model.dims.over_tokens, model.per_word) == (models.VOCABULARY, True, True)


@pytest.mark.parametrize("family", MASKED)
@pytest.mark.parametrize("head", ["MaskedLM", "PreTraining"])
def test_saved_networks_open_with_stock_classes(family, head, tmp_path):
    network = models.pretrained(family, head)
    tapped(network, per_word=True).network.save_pretrained(tmp_path)
    again = getattr(transformers, f"AutoModelFor{head}").from_pretrained(tmp_path, use_safetensors=True).eval()
    bare = transformers.AutoModel.from_pretrained(tmp_path, use_safetensors=True).eval()
    with torch.no_grad():
        torch.testing.assert_close(logits_of(texts(again)), logits_of(texts(network)))
        for one, other in zip(texts(bare), texts(network.base_model), strict=True):
            torch.testing.assert_close(one.last_hidden_state, other.last_hidden_state)
    vocabulary = tapped(again, per_word=True).parts.vocabulary
    if vocabulary is not None:
        assert vocabulary.decoder.weight is again.get_input_embeddings().weight

"""ALBERT: one layer, called many times."""

import pytest
import torch

from limbeck.core.errors import RecipeError
from limbeck.nn.checkpoint import fresh
from limbeck.nn.importance import measure_importance
from limbeck.nn.model import tapped
from limbeck.nn.stream import Kept
from limbeck.nn.surgery import cut_depth, cut_width, top
from limbeck.nn.types import Dims, Reads
from limbeck.objectives.labels import cross_entropy
from tests import models

HEAD = "AutoModelForSequenceClassification"


def network(**fields):
    torch.manual_seed(0)
    config = models.config("albert")
    for name, value in fields.items():
        setattr(config, name, value)
    return fresh(config, HEAD).eval()


@pytest.fixture
def albert():
    return models.model("albert")


def importance_of(model):
    return measure_importance(
        model, [models.batch()], lambda b: cross_entropy(model.run(b, Reads(True)).logits, b.targets)
    )


def test_layer_stands_among_the_parts_for_each_of_its_calls(albert):
    assert len(albert.parts.layers) == albert.dims.layers == 4
    assert len({id(part.layer) for part in albert.parts.layers}) == 1


def test_shallow_student_shares_its_layer_and_is_as_large(albert):
    student = cut_depth(albert, (1, 2), lambda c: fresh(c, HEAD))
    assert student.dims.layers == len(student.parts.layers) == 2
    assert student.parameter_count() == albert.parameter_count()


def test_narrow_student_keeps_the_width_of_the_tables(albert):
    order = importance_of(albert)
    kept = Kept(top(order.hidden, 12))
    student = cut_width(albert, Dims(4, 12, 4, 20), lambda c: fresh(c, HEAD), order, kept)
    for table, of in zip(student.parts.tables, albert.parts.tables, strict=True):
        assert torch.equal(table.weight, of.weight)
    assert student.parts.projection.weight.shape == (12, 16)


def test_shared_weights_count_once_in_the_importance_of_features(albert):
    batch, layer = models.batch(), albert.parts.layers[0]
    cross_entropy(albert.run(batch, Reads(True)).logits, batch.targets).backward()
    readers = (layer.query, layer.key, layer.value, layer.ffn_in)
    wanted = sum((reader.weight * reader.weight.grad).sum(0).abs() for reader in readers)
    torch.testing.assert_close(importance_of(albert).hidden, wanted.detach())


@pytest.mark.parametrize("fields", [{"num_hidden_groups": 2}, {"inner_group_num": 2}], ids=str)
def test_several_layers_take_turns(fields):
    stock, batch = network(**fields), models.batch((7,))
    count = 4 * fields.get("inner_group_num", 1)
    model = tapped(network(**fields), per_word=False)
    reads = Reads(hidden=frozenset(range(count + 1)))
    assert len(model.parts.layers) == model.dims.layers == count
    with torch.no_grad():
        got = model.run(batch, reads).hidden
        wanted = stock(batch.input_ids[None], output_hidden_states=True).hidden_states
    for layer in range(count + 1):
        torch.testing.assert_close(got[layer], wanted[layer][0])
    same = cut_depth(model, range(1, count + 1), lambda c: fresh(c, HEAD))
    assert same.config.num_hidden_layers == 4
    with pytest.raises(RecipeError, match=f"give layers={count}"):
        cut_depth(model, (1, 2), lambda c: fresh(c, HEAD))

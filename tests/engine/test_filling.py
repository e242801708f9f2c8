"""ELECTRA's generator: what it puts in is drawn as it says, and what is asked of the network is whether it did."""

from dataclasses import replace

import pytest
import torch

from limbeck.engine.filling import Filling
from limbeck.engine.mixture import mix
from limbeck.nn.generators import generator_of
from limbeck.nn.model import tapped
from limbeck.nn.types import Outputs
from limbeck.objectives.labels import Spec as Labels
from tests import models


@pytest.fixture
def discriminator():
    return tapped(models.pretrained("electra", "PreTraining"), per_word=True)


def asked(lengths=(7, 4, 9, 4)):
    """Some tokens hidden, each with its chance."""
    batch = models.masked(lengths)
    known = batch.targets >= 0
    batch = replace(batch, items=batch.items[known], targets=batch.targets[known])
    draw = torch.Generator().manual_seed(3)
    return replace(batch, chances=torch.rand(len(batch.items), generator=draw))


def test_a_generator_is_narrower_and_shares_the_tables(discriminator):
    generator = generator_of(discriminator, 0.25)
    assert (generator.dims.layers, generator.dims.hidden, generator.dims.heads) == (4, 6, 1)
    tables = zip(generator.parts.tables, discriminator.parts.tables, strict=True)
    assert all(own.weight is its.weight for own, its in tables)
    assert generator.parts.vocabulary.decoder.weight is discriminator.parts.tables[0].weight


def test_only_hidden_tokens_change_and_all_are_asked_for(discriminator):
    generator = generator_of(discriminator, 0.5)
    batch = asked()
    filled, loss = Filling(mix(generator, [Labels()], generator.dims))(batch)
    rest = torch.ones(len(batch.input_ids), dtype=torch.bool)
    rest[batch.items] = False
    assert (filled.input_ids[rest] == batch.input_ids[rest]).all()
    assert filled.items.tolist() == list(range(len(batch.input_ids)))
    other = torch.zeros(len(rest))
    other[batch.items] = (filled.input_ids[batch.items] != batch.targets).float()
    assert filled.targets[:, 0].tolist() == other.tolist()
    assert loss.requires_grad
    assert loss > 0


def test_both_learn_and_the_network_s_loss_moves_the_generator_by_the_tables_alone(discriminator):
    generator = generator_of(discriminator, 0.5)
    filling = Filling(mix(generator, [Labels()], generator.dims))
    mixture = mix(discriminator, [Labels(weight=50.0)], discriminator.dims, filling=filling)
    terms = mixture(asked(), Outputs())
    assert terms["loss"].item() == pytest.approx(terms["labels"].item() + terms["generator"].item(), rel=1e-5)
    terms["labels"].backward()
    assert all(p.grad is None for layer in generator.parts.layers for p in layer.layer.parameters())
    assert discriminator.parts.classifier.weight.grad.abs().sum() > 0
    assert discriminator.parts.tables[0].weight.grad.abs().sum() > 0


def test_what_is_drawn_does_not_depend_on_its_company(discriminator):
    generator = generator_of(discriminator, 0.5)
    filling = Filling(mix(generator, [Labels()], generator.dims).eval())
    batch = asked((6, 6))
    whole, _ = filling(batch)
    mine = batch.items < 6
    alone, _ = filling(
        replace(
            batch,
            input_ids=batch.input_ids[:6],
            token_type_ids=batch.token_type_ids[:6],
            lengths=(6,),
            rows=batch.rows[:1],
            items=batch.items[mine],
            targets=batch.targets[mine],
            chances=batch.chances[mine],
        )
    )
    assert alone.input_ids.tolist() == whole.input_ids[:6].tolist()

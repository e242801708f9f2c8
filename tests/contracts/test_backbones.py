"""What every backbone must offer: sizes, parts, taps that equal eager attention, students of any size."""

import pytest
import torch
import transformers

from limbeck.core.shelf import shelf
from limbeck.nn.checkpoint import fresh
from limbeck.nn.cost import forward_flops
from limbeck.nn.depth import layers_taken
from limbeck.nn.importance import by_place, measure_importance
from limbeck.nn.model import tapped
from limbeck.nn.stream import Kept, principal
from limbeck.nn.surgery import cut_depth, cut_width, top
from limbeck.nn.types import Dims, Reads
from limbeck.objectives.labels import cross_entropy
from tests import models

NAMES = shelf("backbones").names()
HEADS = {False: "AutoModelForSequenceClassification", True: "AutoModelForTokenClassification"}


@pytest.fixture(params=[False, True], ids=["texts", "words"])
def per_word(request) -> bool:
    return request.param


def test_every_backbone_has_a_test_network():
    assert set(NAMES) == set(models.FAMILIES)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("packs", [True, False], ids=["packed", "padded"])
def test_taps_equal_eager_attention_and_stock_hidden_states(family, per_word, packs):
    """Each text alone through the stock network is what a batch must give."""
    batch, layers = models.batch(per_word=per_word), frozenset(range(5))
    stock = models.network(family, per_word=per_word)
    stock.set_attn_implementation("eager")
    model = models.model(family, per_word=per_word, packs=packs and shelf("backbones").load(family).PACKS)
    with torch.no_grad():
        got = model.run(batch, Reads(True, layers, layers - {0}, layers - {0}))
        wanted = [
            stock(ids[None], output_hidden_states=True, output_attentions=True)
            for ids in batch.input_ids.split(batch.lengths)
        ]
    logits = torch.cat([one.logits[0] if per_word else one.logits for one in wanted])
    torch.testing.assert_close(got.logits, logits[batch.items] if per_word else logits)
    for layer in layers:
        torch.testing.assert_close(got.hidden[layer], torch.cat([one.hidden_states[layer][0] for one in wanted]))
    for layer in layers - {0}:
        sides = (got.queries[layer].split(batch.lengths), got.keys[layer].split(batch.lengths))
        for query, key, one in zip(*sides, wanted, strict=True):
            scores = torch.einsum("ihd,jhd->hij", query, key) * query.shape[-1] ** -0.5
            torch.testing.assert_close(scores.softmax(-1), one.attentions[layer - 1][0])


@pytest.mark.parametrize("family", NAMES)
def test_half_precision_rounds_and_no_more(family, per_word):
    """Also where a packed row is filled up to one of few sizes."""
    model, batch = models.model(family, per_word=per_word), models.batch((7, 4, 9, 4, 9), per_word=per_word)
    reads = Reads(True, frozenset({1, model.dims.layers}), frozenset({1}), frozenset({1}), frozenset({1}))
    with torch.no_grad():
        exact = model.run(batch, reads)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = model.run(batch, reads)
    torch.testing.assert_close(half.logits.float(), exact.logits, atol=0.05, rtol=0.05)
    for kind, layers in reads.layers():
        for layer in layers:
            wanted = getattr(exact, kind)[layer]
            torch.testing.assert_close(getattr(half, kind)[layer].float(), wanted, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("family", NAMES)
def test_answers_are_the_same_where_the_last_layer_is_not_computed_whole(family, per_word):
    model, batch = models.model(family, per_word=per_word), models.batch(per_word=per_word)
    with torch.no_grad():
        whole = model.run(batch, Reads(True, frozenset({model.dims.layers})))
        torch.testing.assert_close(model.run(batch, Reads(True)).logits, whole.logits)


@pytest.mark.parametrize("family", NAMES)
def test_nothing_is_recorded_unasked(family):
    got = models.model(family).run(models.batch(), Reads(logits=True))
    assert got.hidden == got.queries == got.keys == got.values == {}


@pytest.mark.parametrize("family", NAMES)
def test_student_of_equal_size_answers_as_its_teacher(family, per_word):
    teacher = models.model(family, per_word=per_word)
    student = cut_depth(teacher, range(1, 5), lambda c: fresh(c, HEADS[per_word]))
    student.network.eval()
    batch = models.batch(per_word=per_word)
    with torch.no_grad():
        torch.testing.assert_close(student.run(batch, Reads(True)).logits, teacher.run(batch, Reads(True)).logits)


@pytest.mark.parametrize("family", NAMES)
def test_shallow_student_is_the_lower_part_of_its_teacher(family):
    teacher = models.model(family)
    student = cut_depth(teacher, (1, 2), lambda c: fresh(c, HEADS[False]))
    student.network.eval()
    reads, batch = Reads(hidden=frozenset({0, 1, 2})), models.batch()
    with torch.no_grad():
        got, wanted = student.run(batch, reads), teacher.run(batch, reads)
    for layer in range(3):
        torch.testing.assert_close(got.hidden[layer], wanted.hidden[layer])


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("layers", ["lower", "spaced", "last", (1, 2, 4)], ids=str)
def test_layers_of_a_student_are_those_that_were_named(family, layers):
    teacher, taken = models.model(family), layers_taken(layers, 3, 4, "layers")
    student = cut_depth(teacher, taken, lambda c: fresh(c, HEADS[False]))
    for part, number in zip(student.parts.layers, taken, strict=True):
        wanted = teacher.parts.layers[number - 1].layer.state_dict()
        assert wanted.keys() == part.layer.state_dict().keys()
        assert all(torch.equal(value, wanted[name]) for name, value in part.layer.state_dict().items())


def narrowed(teacher, layers, dims, width, per_word):
    """A student of some of its teacher's layers, of another width."""
    build = lambda c: fresh(c, HEADS[per_word])  # noqa: E731
    batches = [models.batch(per_word=per_word, seed=s) for s in range(3)]
    whole = cut_depth(teacher, layers, build)
    if width == "prefix":
        order = by_place(whole)
    else:
        order = measure_importance(
            teacher, batches, lambda b: cross_entropy(teacher.run(b, Reads(logits=True)).logits, b.targets)
        ).of_layers(layers)
    stream = principal(whole, dims.hidden, batches) if width == "pca" else Kept(top(order.hidden, dims.hidden))
    student = cut_width(whole, dims, build, order, stream)
    student.network.eval()
    return student


@pytest.mark.parametrize("family", models.NARROWED)
@pytest.mark.parametrize("width", ["importance", "prefix", "pca"])
@pytest.mark.parametrize(
    ("dims", "layers"),
    [(Dims(2, 12, 4, 20, 3), "lower"), (Dims(3, 10, 2, 32, 3), "spaced"), (Dims(2, 20, 4, 10, 3), "last")],
    ids=str,
)
def test_narrow_student_saves_and_opens_with_stock_classes(family, width, dims, layers, per_word, tmp_path):
    teacher = models.model(family, per_word=per_word)
    student = narrowed(teacher, layers_taken(layers, dims.layers, 4, "layers"), dims, width, per_word)
    student.network.save_pretrained(tmp_path)
    stock = getattr(transformers, HEADS[per_word]).from_pretrained(tmp_path, use_safetensors=True)
    batch = models.batch(per_word=per_word)
    with torch.no_grad():
        again = tapped(stock, per_word=per_word).run(batch, Reads(True)).logits
        torch.testing.assert_close(student.run(batch, Reads(True)).logits, again)
    found = student.backbone.dims(stock.config)
    assert (found.layers, found.hidden, found.heads, found.intermediate) == (
        dims.layers,
        dims.hidden,
        dims.heads,
        dims.intermediate,
    )


@pytest.mark.parametrize("family", NAMES)
def test_flops_are_those_that_torch_counts(family):
    """All products of the stock network but the head's, which reads one token."""
    from torch.utils.flop_counter import FlopCounterMode

    model, stock = models.model(family), models.network(family)
    stock.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        stock(torch.arange(3, 12)[None])
    head = 2 * sum(linear.weight.numel() for linear in (*model.parts.head, model.parts.classifier))
    assert counter.get_total_flops() - head == forward_flops(model.parts, model.dims, 9.0)


@pytest.mark.parametrize("family", models.NARROWED)
def test_importance_is_the_gradient_of_a_mask(family):
    """Masking a neuron's output by m gives ∂L/∂m; the shortcut by columns must equal it."""
    teacher = models.model(family)
    batch = models.batch()
    part = teacher.parts.layers[1]
    mask = torch.ones(48, requires_grad=True)
    hook = part.ffn_out.register_forward_pre_hook(lambda m, args: (args[0] * mask,))

    def loss(b):
        return cross_entropy(teacher.run(b, Reads(logits=True)).logits, b.targets)

    loss(batch).backward()
    hook.remove()
    importance = measure_importance(teacher, [batch], loss)
    torch.testing.assert_close(importance.neurons[1], mask.grad.abs(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", models.NARROWED)
def test_narrow_heads_give_the_same_scores_if_what_they_lose_is_nothing(family):
    teacher = models.model(family)
    for part in teacher.parts.layers:
        for linear in (part.query, part.key):
            with torch.no_grad():
                linear.weight.view(4, 6, 24)[:, 3:] = 0  # the upper half of each head
                linear.bias.view(4, 6)[:, 3:] = 0
    with torch.no_grad():  # the upper half of the stream reaches no query and no key
        for part in teacher.parts.layers:
            for linear in (part.query, part.key):
                linear.weight[:, 12:] = 0
    student = narrowed(teacher, (1, 2, 3, 4), Dims(4, 12, 4, 48, 3), "prefix", per_word=False)
    stream = torch.randn(1, 5, 24)
    first, small = teacher.parts.layers[0], student.parts.layers[0]

    def scores(part, hidden, size):
        query, key = (linear(hidden).view(1, 5, 4, size).transpose(1, 2) for linear in (part.query, part.key))
        return query @ key.transpose(-1, -2) / size**0.5

    torch.testing.assert_close(scores(small, stream[..., :12], 3), scores(first, stream, 6))

"""Losses and scores over a vocabulary, chunk by chunk, are those of all logits at once, which are never there."""

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from limbeck.nn import vocabulary
from limbeck.nn.vocabulary import Vocabulary, cross_entropy_sum, summed, top_k

ITEMS, WIDTH, TOKENS = 41, 6, 50


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Of four items."""
    monkeypatch.setattr(vocabulary, "CHUNK_BYTES", 4 * 4 * TOKENS)


def given(items=ITEMS, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shapes = ((items, WIDTH), (TOKENS, WIDTH), (TOKENS,))
    return Vocabulary(*(torch.randn(shape, generator=draw, requires_grad=True) for shape in shapes))


def targets(items=ITEMS):
    found = torch.randint(0, TOKENS, (items,), generator=torch.Generator().manual_seed(2))
    found[::5] = -1
    return found


def terms(known, count):
    """Cross-entropy and squared distance, each a mean."""

    def of(places, logits, answers):
        entropy = functional.cross_entropy(logits, known[places], ignore_index=-1, reduction="sum")
        return torch.stack([entropy / max(int((known >= 0).sum()), 1), (logits - answers).square().sum() / count])

    return of


def learnt(student, loss):
    gradients = torch.autograd.grad(loss, (student.features, student.weight, student.bias))
    return loss.detach(), gradients


@pytest.mark.parametrize("items", [0, 1, 4, ITEMS])
def test_loss_and_gradients_are_those_of_all_logits_at_once(items):
    student, teacher, known = given(items), given(items, 1), targets(items)
    total, each = summed(terms(known, max(items, 1)), student, teacher)
    wanted = terms(known, max(items, 1))(slice(None), student.logits(), teacher.logits().detach())
    torch.testing.assert_close(each, wanted.detach(), rtol=1e-5, atol=1e-6)
    assert not each.requires_grad
    torch.testing.assert_close(learnt(student, 3 * total), learnt(student, 3 * wanted.sum()), rtol=1e-5, atol=1e-6)


def test_nothing_as_large_as_all_logits_is_ever_made():
    student, teacher, known = given(), given(seed=1), targets()
    largest = {}
    for name, make in {
        "chunks": lambda: summed(terms(known, ITEMS), student, teacher)[0],
        "whole": lambda: terms(known, ITEMS)(slice(None), student.logits(), teacher.logits()).sum(),
    }.items():
        with Largest() as seen:
            make().backward()
            cross_entropy_sum(given(), known) if name == "chunks" else None
            top_k(given(), known) if name == "chunks" else None
        largest[name] = seen.count
    assert largest["chunks"] == max(4 * TOKENS, TOKENS * WIDTH)
    assert largest["whole"] == ITEMS * TOKENS


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that an operation gives."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(one, torch.Tensor):
                self.count = max(self.count, one.numel())
        return made


@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (0, 1), (1, 2)])
def test_what_is_frozen_gets_no_gradient_and_the_rest_the_same(frozen):
    student, teacher = given(), given(seed=1)
    made = (student.features, student.weight, student.bias)
    free = [x for number, x in enumerate(made) if number not in frozen]
    wanted = torch.autograd.grad(summed(terms(targets(), ITEMS), student, teacher)[0], free)
    for number in frozen:
        made[number].requires_grad_(False)
    summed(terms(targets(), ITEMS), student, teacher)[0].backward()
    assert all(made[number].grad is None for number in frozen)
    torch.testing.assert_close(tuple(x.grad for x in free), wanted)


def test_without_gradients_there_are_values_alone():
    student, teacher = given(), given(seed=1)
    with torch.no_grad():
        total, each = summed(terms(targets(), ITEMS), student, teacher)
    assert not total.requires_grad
    torch.testing.assert_close(total, summed(terms(targets(), ITEMS), student, teacher)[0].detach())
    torch.testing.assert_close(each.sum(), total)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_rounds_and_no_more(kind):
    """Gradients as small as those of a mean over millions do not vanish, not even in fp16."""
    student, teacher = given(), given(seed=1)
    exact = learnt(student, summed(terms(targets(), 1e8), student, teacher)[0])
    with torch.autocast("cpu", dtype=kind):
        total, _ = summed(terms(targets(), 1e8), student, teacher)
    torch.testing.assert_close(learnt(student, total), exact, rtol=0.1, atol=0.01)
    tiny = lambda p, s, t: (s - t).square().sum()[None] * 1e-9  # noqa: E731
    exact = learnt(student, summed(tiny, student, teacher)[0])[1]
    with torch.autocast("cpu", dtype=kind):
        total, _ = summed(tiny, student, teacher)
    for half, whole in zip(learnt(student, total)[1], exact, strict=True):
        torch.testing.assert_close(half, whole, rtol=0.1, atol=0.05 * whole.abs().max().item())


def test_scores_are_those_of_all_logits():
    made, known = given(), targets()
    logits, there = made.logits()[known >= 0], known[known >= 0]
    wanted = functional.cross_entropy(logits, there, reduction="sum").detach()
    torch.testing.assert_close(cross_entropy_sum(made, known), wanted)
    ranks = [logits.topk(k).indices.eq(there[:, None]).any(1).sum().item() for k in (1, 5, 20)]
    assert top_k(made, known, ks=(1, 5, 20)).tolist() == ranks
    assert top_k(given(0), targets(0)).tolist() == [0, 0]


def test_a_model_that_knows_nothing_hits_nothing():
    even = Vocabulary(torch.zeros(3, WIDTH), torch.ones(TOKENS, WIDTH), torch.zeros(TOKENS))
    assert top_k(even, torch.tensor([0, 1, 2]), ks=(1, TOKENS)).tolist() == [0, 3]

"""Answers over a vocabulary: losses and scores of logits that never lie all at once, as they would fill the memory.

Of 30 522 tokens and 10 000 items the logits take 1.2 GB, and a loss needs several times that. So they are made for some
items at a time, and with them, in the same pass, the gradients of what they were made from: nothing is kept of a chunk,
and nothing is computed twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

CHUNK_BYTES = 1 << 25
"""Most that the logits of a chunk take in fp32."""


@dataclass(frozen=True)
class Vocabulary:
    """What logits over a vocabulary are made from: `features · weightᵀ + bias`.

    Attributes:
        features: What a network made of each item.
        weight: The vector of each token.
        bias: What is added to each token's logit.
    """

    features: Float[Tensor, "items width"]
    weight: Float[Tensor, "vocabulary width"]
    bias: Float[Tensor, " vocabulary"]

    def chunks(self) -> list[slice]:
        """Places of the items, some at a time; of none, one empty chunk.

        >>> one = Vocabulary(torch.zeros(5, 2), torch.zeros(CHUNK_BYTES // 8, 2), torch.zeros(CHUNK_BYTES // 8))
        >>> [(chunk.start, chunk.stop) for chunk in one.chunks()]
        [(0, 2), (2, 4), (4, 5)]
        """
        size, count = max(CHUNK_BYTES // (4 * len(self.bias)), 1), len(self.features)
        return [slice(start, min(start + size, count)) for start in range(0, max(count, 1), size)]

    def logits(self, places: slice = slice(None)) -> Float[Tensor, "_ vocabulary"]:
        """The logits of some items, in the precision of the features."""
        return linear(self.features[places], self.weight, self.bias)

    def as_computed(self) -> "Vocabulary":
        """Without gradients, in the precision in which matrices are multiplied here."""
        device = self.features.device.type
        half = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
        return Vocabulary(*(x.detach().to(half) for x in (self.features, self.weight, self.bias)))


Terms = Callable[[slice, Tensor, Tensor | None], Float[Tensor, " terms"]]
"""Terms of a loss over some items, each with its weight and these items' share: from their places, the student's logits
and the teacher's, both in fp32."""


def summed(
    terms: Terms, student: Vocabulary, teacher: Vocabulary | None = None
) -> tuple[Float[Tensor, ""], Float[Tensor, " terms"]]:
    """Terms over all items, chunk by chunk: their sum, which has gradients, and each by itself, which has none.

    Args:
        terms: The terms of a chunk; what they add up to over the chunks is the loss of all items.
        student: What gradients go to.
        teacher: Of the same items and the same vocabulary, if the terms read it.
    """
    learns = torch.is_grad_enabled()
    made = (student.features, student.weight, student.bias)
    total, each = _Summed.apply(*made, terms, teacher, learns)  # type: ignore[no-untyped-call]
    return total, each


class _Summed(torch.autograd.Function):
    """The chunks' losses, whose gradients are taken while their logits are there."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        terms: Terms,
        teacher: Vocabulary | None,
        learns: bool,
    ) -> tuple[Tensor, Tensor]:
        student = Vocabulary(features, weight, bias)
        own, taught = student.as_computed(), None if teacher is None else teacher.as_computed()
        wanted = [learns and needed for needed in ctx.needs_input_grad[:3]]
        gradients = _Gradients.of(own, wanted)
        values: list[Tensor] = []
        with torch.autocast(features.device.type, enabled=False):
            for places in own.chunks():
                logits = own.logits(places).float().requires_grad_(any(wanted))
                answers = None if taught is None else taught.logits(places).float()
                with torch.set_grad_enabled(any(wanted)):
                    found = terms(places, logits, answers)
                    if any(wanted):
                        gradients.add(places, own, torch.autograd.grad(found.sum(), logits)[0])
                values.append(found.detach())
        each = torch.stack(values).sum(0)
        ctx.mark_non_differentiable(each)
        ctx.gradients = gradients
        ctx.types = (features.dtype, weight.dtype, bias.dtype)
        return each.sum(), each

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, total: Tensor, each: Tensor) -> tuple[Tensor | None, ...]:
        found = (ctx.gradients.features, ctx.gradients.weight, ctx.gradients.bias)
        given = [None if x is None else (x * total).to(kind) for x, kind in zip(found, ctx.types, strict=True)]
        return *given, None, None, None


@dataclass
class _Gradients:
    """Sums over chunks, in fp32; None where nobody asks.

    Attributes:
        features: As the features.
        weight: As the vectors of the tokens.
        bias: As their biases.
    """

    features: Tensor | None
    weight: Tensor | None
    bias: Tensor | None

    @classmethod
    def of(cls, student: Vocabulary, wanted: Sequence[bool]) -> "_Gradients":
        """Zeros."""
        like = (student.features, student.weight, student.bias)
        return cls(*(torch.zeros_like(x, dtype=torch.float) if w else None for x, w in zip(like, wanted, strict=True)))

    def add(self, places: slice, student: Vocabulary, logits: Float[Tensor, "_ vocabulary"]) -> None:
        """Take in a chunk, by the gradient of its logits."""
        if self.bias is not None:
            self.bias += logits.sum(0)
        lift = _lift(logits, student.weight.dtype)
        rounded = (logits * lift).to(student.weight.dtype)
        if self.features is not None:
            self.features[places] = (rounded @ student.weight).float() / lift
        if self.weight is not None:
            self.weight += (rounded.T @ student.features[places]).float() / lift


def _lift(gradient: Tensor, kind: torch.dtype) -> Tensor | float:
    """What small gradients are multiplied by before they are rounded to fp16, where they would vanish."""
    if kind != torch.float16 or not gradient.numel():
        return 1.0
    return 1 / gradient.abs().amax().clamp(min=torch.finfo(torch.float32).tiny)


def _known_chunks(vocabulary: Vocabulary, targets: Int[Tensor, " items"]) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and targets of the items whose token is known, chunk by chunk."""
    made = vocabulary.as_computed()
    for places in made.chunks():
        known = targets[places] >= 0
        yield made.logits(places).float()[known], targets[places][known]


@torch.no_grad()
def cross_entropy_sum(vocabulary: Vocabulary, targets: Int[Tensor, " items"]) -> Float[Tensor, ""]:
    """Cross-entropy, natural logarithm, summed over the items whose token is known (target ≥ 0).

    >>> even = Vocabulary(torch.zeros(3, 2), torch.ones(4, 2), torch.zeros(4))
    >>> round(cross_entropy_sum(even, torch.tensor([1, -1, 3])).item(), 4)  # 2 ln 4
    2.7726
    """
    parts = [
        torch.nn.functional.cross_entropy(logits, known, reduction="sum")
        for logits, known in _known_chunks(vocabulary, targets)
    ]
    return torch.stack(parts).sum()


@torch.no_grad()
def drawn(vocabulary: Vocabulary, chances: Float[Tensor, " items"]) -> Int[Tensor, " items"]:
    """A token for each item, drawn with its probability: the one at which the sum of probabilities passes `chances`.

    >>> even = Vocabulary(torch.zeros(3, 2), torch.ones(4, 2), torch.zeros(4))
    >>> drawn(even, torch.tensor([0.1, 0.3, 0.99])).tolist()
    [0, 1, 3]
    """
    made, found = vocabulary.as_computed(), []
    for places in made.chunks():
        sums = made.logits(places).float().softmax(-1).cumsum(-1)
        passed = torch.searchsorted(sums, chances[places, None] * sums[:, -1:], right=True)
        found.append(passed[:, 0].clamp(max=sums.shape[1] - 1))
    return torch.cat(found)


@torch.no_grad()
def top_k(vocabulary: Vocabulary, targets: Int[Tensor, " items"], ks: Sequence[int] = (1, 5)) -> Int[Tensor, " ks"]:
    """How many items, of those whose token is known (target ≥ 0), have it among the k likeliest, for each k.

    A token as likely as the true one is counted as likelier.

    >>> sure = Vocabulary(torch.eye(3), torch.eye(3), torch.tensor([0.0, 0.0, 0.5]))
    >>> top_k(sure, torch.tensor([0, 1, 0]), ks=(1, 2, 3)).tolist()  # ranks 1, 1 and 3: there 0 is as likely as 1
    [2, 2, 3]
    """
    hits = torch.zeros(len(ks), dtype=torch.long, device=targets.device)
    limits = torch.tensor(list(ks), device=targets.device)
    for logits, known in _known_chunks(vocabulary, targets):
        ranks = (logits >= logits.gather(1, known[:, None])).sum(1)
        hits += (ranks[:, None] <= limits).sum(0)
    return hits

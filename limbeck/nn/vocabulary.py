"""Answers over a vocabulary: losses and scores of logits that never lie all at once, as they would fill the memory.

Of 30 522 tokens and 10 000 items the logits take 1.2 GB, and a loss needs several times that. So they are made for some
items at a time, and with them, in the same pass, the gradients of what they were made from: nothing is kept of a chunk,
and nothing is computed twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import linear

from limbeck.nn.gradients import with_gradients

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
    made = (student.features, student.weight, student.bias)
    wanted = [torch.is_grad_enabled() and x.requires_grad for x in made]
    own, taught = student.as_computed(), None if teacher is None else teacher.as_computed()
    gradients = _Gradients.of(own, wanted)
    values: list[Tensor] = []
    with torch.autocast(student.features.device.type, enabled=False), torch.set_grad_enabled(any(wanted)):
        for places in own.chunks():
            logits = own.logits(places).float().requires_grad_(any(wanted))
            found = terms(places, logits, None if taught is None else taught.logits(places).float())
            if any(wanted):
                gradients.add(places, own, torch.autograd.grad(found.sum(), logits)[0])
            values.append(found.detach())
        each = torch.stack(values).sum(0)
        parts = zip(made, (gradients.features, gradients.weight, gradients.bias), strict=True)
        return with_gradients(each.sum(), [(x, gradient) for x, gradient in parts if gradient is not None]), each


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
        kind = student.weight.dtype
        lift = _lift(logits) if kind == torch.float16 else None
        rounded = (logits if lift is None else logits * lift).to(kind)
        if self.features is not None:
            self.features[places] = _lowered(rounded @ student.weight, lift)
        if self.weight is not None:
            self.weight += _lowered(rounded.T @ student.features[places], lift)


def _lift(gradient: Tensor) -> Tensor:
    """What small gradients are multiplied by before they are rounded to fp16, where they would vanish."""
    largest = gradient.abs().amax() if gradient.numel() else gradient.new_ones(())
    return 1 / largest.clamp(min=torch.finfo(torch.float32).tiny)


def _lowered(product: Tensor, lift: Tensor | None) -> Tensor:
    return product if lift is None else product.float() / lift


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

"""What several teachers say together, as the logits of one: `log Σ w_k p_k`.

The soft targets of an ensemble are the mean of its members' distributions (Hinton et al. 2015, arXiv:1503.02531,
section 1). Here it is taken at temperature 1 and told as logits, which an objective's own temperature then softens.
What a softmax is blind to, a number added to all logits of an item, is the weighted mean of the members' too, so that
equal members together say what each of them says.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from limbeck.core.predictions import Answer

Weights = Float[Tensor, "teachers #items #labels"]
"""Each teacher's share, which sum to 1 over the teachers."""


def combined(logits: Float[Tensor, "teachers items labels"], weights: Weights, answer: Answer) -> Tensor:
    """The logits `[items, labels]` of the weighted mean of the probabilities; of values, their weighted mean.

    >>> sure, even = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    >>> mean = combined(torch.stack([sure, even]), torch.full((2, 1, 1), 0.5), "class")
    >>> [round(p, 4) for p in mean.softmax(-1)[0].tolist()]  # (0.75 + 0.5) / 2
    [0.625, 0.375]
    >>> combined(torch.tensor([[[1.0]], [[4.0]]]), torch.tensor([[[0.75]], [[0.25]]]), "value").item()
    1.75
    """
    logits = logits.float()
    if answer == "value":
        return (weights * logits).sum(0)
    share = weights.log()
    if answer == "classes":
        holds, fails = (torch.logsumexp(share + functional.logsigmoid(z), 0) for z in (logits, -logits))
        return holds - fails
    whole = logits.logsumexp(-1, keepdim=True)
    return torch.logsumexp(share + logits - whole, 0) + (weights * whole).sum(0)


def by_loss(losses: Sequence[float], answer: Answer) -> list[float]:
    """Shares by how well the teachers answer rows whose truth is known.

    Proportional to `exp(−loss)`: of classes, the geometric mean of the probability that a teacher gives to the truth.
    The squared error of values has a unit, which may not decide; their shares go with its inverse, which is best for
    independent errors (Bates and Granger 1969, The combination of forecasts).

    Args:
        losses: Each teacher's mean cross-entropy, in nats, or mean squared error.
        answer: What the teachers answer with.

    >>> [round(w, 4) for w in by_loss([math.log(2), math.log(4)], "class")]  # 1/2 and 1/4
    [0.6667, 0.3333]
    >>> by_loss([1.0, 3.0], "value")  # 1 and 1/3
    [0.75, 0.25]
    """
    if answer == "value":
        floor = torch.finfo(torch.float32).tiny
        strengths = [1 / max(loss, floor) for loss in losses]
    else:
        strengths = [math.exp(min(losses) - loss) for loss in losses]
    return [strength / sum(strengths) for strength in strengths]


def by_confidence(logits: Float[Tensor, "teachers items labels"], answer: Answer) -> Weights:
    """Shares by how sure each teacher is of each item; of several labels, of each label.

    Proportional to `exp(−entropy)`: where `by_loss` takes the loss that was measured, this takes the one that a teacher
    expects of itself. It needs no labels, as Kwon et al. 2020 (Adaptive knowledge distillation based on entropy), and
    unlike CA-MKD (Zhang et al. 2021, arXiv:2201.00007), which trusts those that come close to the label; so a teacher
    that is sure and wrong misleads.

    >>> even, sure = torch.zeros(1, 2), torch.tensor([[0.0, 200.0]])
    >>> [round(w, 4) for w in by_confidence(torch.stack([even, sure]), "class").flatten().tolist()]  # 1/2 to 1
    [0.3333, 0.6667]
    """
    logits = logits.float()
    if answer == "classes":
        p, q = logits.sigmoid(), (-logits).sigmoid()
        surprise = p * functional.logsigmoid(logits) + q * functional.logsigmoid(-logits)
    else:
        surprise = (logits.softmax(-1) * logits.log_softmax(-1)).sum(-1, keepdim=True)
    return surprise.softmax(0)

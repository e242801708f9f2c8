"""Decouple what the teacher says of the true class from the rest (DKD, Zhao et al. 2022, arXiv:2203.08679, eq. 7).

`α · KL_T(b_t ‖ b_s) + β · KL_T(p̂_t ‖ p̂_s)`, mean over items: b is how likely the true class is and how likely any
other, p̂ is how likely each of the others is among themselves. In plain soft targets β would be the teacher's doubt,
so that sure items teach little of it. Reads both logits. Costs nothing beside the forward pass. Needs three classes:
with two, the second part is 0. Departs from the paper where the label is unknown: the teacher's likeliest class is it.
"""

from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from limbeck.core.spec import Ramp, Weighted, changing, value_at
from limbeck.nn.fit import check_classes
from limbeck.nn.reduce import kl_divergence, mean_over
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Target and non-target classes."""

    temperature: Annotated[float | Ramp, changing(gt=0.0)] = 2.0
    """T, > 0; 4 on CIFAR-100 and 1 on ImageNet in the paper, 2 as in `soft_targets`. It may change, as `weight` may."""
    target: float = Field(1.0, ge=0.0)
    """Factor α of the true class against the rest; 1 in the paper."""
    others: float = Field(2.0, ge=0.0)
    """Factor β of the other classes among themselves; 0.5 to 8 in the paper, more for surer teachers."""


def decoupled(
    logits: Float[Tensor, "items classes"], targets: Int[Tensor, " items"], temperature: float
) -> tuple[Float[Tensor, "items 2"], Float[Tensor, "items others"]]:
    """Logits, still to be divided by T, of the true class against the rest, and of the other classes.

    >>> binary, others = decoupled(torch.tensor([[1.0, 2.0, 2.0]]), torch.tensor([0]), temperature=1.0)
    >>> [[round(x, 4) for x in row] for row in binary.tolist()], others.tolist()  # ln(e² + e²) = 2 + ln 2
    ([[1.0, 2.6931]], [[2.0, 2.0]])
    """
    true = targets[:, None]
    places = torch.arange(logits.shape[1] - 1, device=logits.device)
    others = logits.float().gather(1, places + (places >= true))
    rest = temperature * (others / temperature).logsumexp(1, keepdim=True)
    return torch.cat([logits.float().gather(1, true), rest], dim=1), others


class Dkd(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "items"

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(logits=True)
        self._spec = spec

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        assert student.logits is not None
        assert teacher.logits is not None
        temperature = value_at(self._spec.temperature, batch.moment.progress)
        targets = torch.where(batch.targets >= 0, batch.targets, teacher.logits.argmax(1))
        s, t = (decoupled(logits, targets, temperature) for logits in (student.logits, teacher.logits))
        target, others = (mean_over([kl_divergence(a, b, temperature)]) for a, b in zip(s, t, strict=True))
        return self._spec.target * target + self._spec.others * others


def build(spec: Spec, student: Dims, teacher: Dims) -> Dkd:
    """Needs both to answer with one of the same classes, three or more.

    Raises:
        RecipeError: The numbers of labels differ, or there are two, or they are no classes.
    """
    check_classes("dkd", student, teacher)
    return Dkd(spec)

"""Match the teacher's softened class probabilities (Hinton et al. 2015, arXiv:1503.02531, section 2).

`T² · KL(teacher ‖ student)`, mean over items: texts, or first sub-words of words. Where several labels may hold, the
same of each label's two outcomes, mean over labels; for values the squared distance to the teacher's, without T. Reads
both logits. Unlabelled items count. Departs from implementations without the factor T², whose gradient fades with T.
"""

from typing import Annotated

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.predictions import Answer
from limbeck.core.spec import Ramp, Weighted, changing, value_at
from limbeck.nn.fit import check_labels
from limbeck.nn.reduce import kl_divergence
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Soft targets."""

    temperature: Annotated[float | Ramp, changing(gt=0.0)] = 2.0
    """T, > 0. The paper tries 1 to 20; 1 to 2 is robust over 13 data sets (arXiv:2401.06356). It may change, as
    `weight` may."""


def soft_target_loss(
    student: Float[Tensor, "items labels"], teacher: Float[Tensor, "items labels"], temperature: float
) -> Float[Tensor, ""]:
    """Mean over items of `T² · KL`.

    >>> import torch
    >>> logits = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    >>> soft_target_loss(logits, logits, temperature=3.0).item()
    0.0
    """
    rows = kl_divergence(student, teacher, temperature)
    return rows.sum() / max(len(rows), 1)


def binary_soft_target_loss(
    student: Float[Tensor, "items labels"], teacher: Float[Tensor, "items labels"], temperature: float
) -> Float[Tensor, ""]:
    """Mean over items and labels of `T² · KL` between the outcomes "holds" and "does not", of probability sigmoid(z/T).

    It is the binary cross-entropy less the teacher's entropy: with the same gradient, and 0 where both are equal.

    >>> import torch
    >>> even, sure = torch.zeros(1, 1), torch.full((1, 1), 200.0)
    >>> round(binary_soft_target_loss(even, sure, temperature=2.0).item(), 4)  # 4 ln 2
    2.7726
    """
    s, t = student.float() / temperature, teacher.float() / temperature
    divergence = t.sigmoid() * (t - s) + functional.softplus(s) - functional.softplus(t)
    return temperature**2 * divergence.sum() / max(divergence.numel(), 1)


def soft_value_loss(student: Float[Tensor, "items 1"], teacher: Float[Tensor, "items 1"]) -> Float[Tensor, ""]:
    """Mean over items of the squared distance.

    >>> import torch
    >>> soft_value_loss(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [5.0]])).item()  # (0 + 9) / 2
    4.5
    """
    return (student.float() - teacher.float()).square().sum() / max(len(student), 1)


class SoftTargets(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "items"

    def __init__(self, spec: Spec, answer: Answer) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(logits=True)
        self._temperature, self._answer = spec.temperature, answer

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        assert student.logits is not None
        assert teacher.logits is not None
        if self._answer == "value":
            return soft_value_loss(student.logits, teacher.logits)
        loss = soft_target_loss if self._answer == "class" else binary_soft_target_loss
        return loss(student.logits, teacher.logits, value_at(self._temperature, batch.moment.progress))


def build(spec: Spec, student: Dims, teacher: Dims) -> SoftTargets:
    """Needs both to answer with the same labels.

    Raises:
        RecipeError: The numbers of labels differ.
    """
    check_labels("soft_targets", student, teacher)
    return SoftTargets(spec, student.answer)

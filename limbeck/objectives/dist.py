"""Match how the teacher ranks, not what it says to the digit (DIST, Huang et al. 2022, arXiv:2205.10536, section 4).

`T² · (β (1 − ρ_inter) + γ (1 − ρ_intra))` over probabilities softened by T: Pearson's ρ over the classes of each item,
and over the items of the batch for each class. Reads both logits. Unlabelled items count. Costs nothing beside the
forward pass. Made for teachers much stronger than their student. Needs three classes: with two, ρ_inter is ±1. The
second part compares items of a batch with one another, or of each part of one that is run in parts, which a warning
tells: there should be many, and a lone item has none.
"""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Ramp, Weighted, changing, value_at
from limbeck.nn.fit import check_classes, check_whole
from limbeck.nn.reduce import mean_over
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Relations among probabilities."""

    temperature: Annotated[float | Ramp, changing(gt=0.0)] = 1.0
    """T, > 0; 1 on ImageNet, 4 on CIFAR-100 in the paper. It may change, as `weight` may."""
    inter: float = Field(1.0, ge=0.0)
    """Factor β of the relation among classes; 1 in the published code's default."""
    intra: float = Field(1.0, ge=0.0)
    """Factor γ of the relation among items; 1 in the published code's default."""


def correlation_distance(left: Float[Tensor, "rows columns"], right: Float[Tensor, "rows columns"]) -> Tensor:
    """Mean over rows of 1 − ρ, Pearson's correlation; 0 where there are no two columns.

    >>> import torch
    >>> left = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    >>> right = torch.tensor([[2.0, 4.0, 6.0], [3.0, 2.0, 1.0]])
    >>> round(correlation_distance(left, right).item(), 4)  # (0 + 2) / 2
    1.0
    """
    if left.shape[1] < 2:
        return left.sum() * 0
    left, right = (side - side.mean(1, keepdim=True) for side in (left, right))
    return mean_over([1 - functional.cosine_similarity(left, right, dim=1)])


class Dist(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "batch"

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(logits=True)
        self._spec = spec

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        assert student.logits is not None
        assert teacher.logits is not None
        temperature = value_at(self._spec.temperature, batch.moment.progress)
        s, t = ((logits.float() / temperature).softmax(-1) for logits in (student.logits, teacher.logits))
        inter, intra = correlation_distance(s, t), correlation_distance(s.T, t.T)
        return temperature**2 * (self._spec.inter * inter + self._spec.intra * intra)


def build(spec: Spec, student: Dims, teacher: Dims) -> Dist:
    """Needs both to answer with one of the same classes, three or more.

    Raises:
        RecipeError: The numbers of labels differ, or there are two, or they are no classes, or a vocabulary.
    """
    check_classes("dist", student, teacher)
    check_whole("dist", student)
    return Dist(spec)

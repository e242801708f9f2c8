"""The true labels: the hard part of distillation (Hinton et al. 2015, arXiv:1503.02531, section 2).

Cross-entropy for classes; where several labels may hold, the binary cross-entropy of each; squared error for values.
Reads the student's logits. Items without a label count for nothing. Costs nothing beside the forward pass.
"""

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.errors import RecipeError
from limbeck.core.predictions import Answer
from limbeck.core.spec import Weighted
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Hard targets."""

    smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Label smoothing ε, 0 ≤ ε < 1 (Szegedy et al. 2015, arXiv:1512.00567, section 7); 0 in BERT's fine-tuning.
    For tasks with one class for each item only."""


def cross_entropy(
    logits: Float[Tensor, "items labels"], targets: Int[Tensor, " items"], smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over the items whose target is known, 0 if there are none.

    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([1, -1])).exp().item()  # one of four, at random
    4.0
    """
    known = targets >= 0
    total = functional.cross_entropy(
        logits.float(), targets, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    return total / known.sum().clamp(min=1)


def binary_cross_entropy(
    logits: Float[Tensor, "items labels"], targets: Float[Tensor, "items labels"]
) -> Float[Tensor, ""]:
    """Mean over labels and over the items whose targets, 1 or 0 for each label, are not nan; 0 if there are none.

    >>> unknown = [float("nan")] * 2
    >>> round(binary_cross_entropy(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], unknown])).item(), 4)  # ln 2
    0.6931
    """
    known = ~targets.isnan()
    losses = functional.binary_cross_entropy_with_logits(logits.float(), targets.nan_to_num(), reduction="none")
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)


def squared_error(values: Float[Tensor, "items 1"], targets: Float[Tensor, " items"]) -> Float[Tensor, ""]:
    """Mean over the items whose target is not nan, 0 if there are none.

    >>> squared_error(torch.tensor([[1.0], [5.0], [9.0]]), torch.tensor([2.0, 2.0, float("nan")])).item()  # (1 + 9) / 2
    5.0
    """
    known = ~targets.isnan()
    errors = values[:, 0].float() - targets.nan_to_num()
    return torch.where(known, errors**2, 0.0).sum() / known.sum().clamp(min=1)


def label_loss(logits: Float[Tensor, "items labels"], targets: Tensor, answer: Answer) -> Float[Tensor, ""]:
    """The loss that fits what the logits mean, without smoothing."""
    loss = {"class": cross_entropy, "classes": binary_cross_entropy, "value": squared_error}[answer]
    return loss(logits, targets)


class Labels(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "labelled"

    def __init__(self, spec: Spec, answer: Answer) -> None:
        super().__init__()
        self.student_reads, self.teacher_reads = Reads(logits=True), Reads()
        self._smoothing, self._answer = spec.smoothing, answer

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        assert student.logits is not None
        if self._smoothing:
            return cross_entropy(student.logits, batch.targets, self._smoothing)
        return label_loss(student.logits, batch.targets, self._answer)


def build(spec: Spec, student: Dims, teacher: Dims) -> Labels:
    """Any student will do.

    Raises:
        RecipeError: Labels are to be smoothed that are no classes.
    """
    if spec.smoothing and student.answer != "class":
        raise RecipeError(
            f"labels.smoothing: {spec.smoothing:g} is for tasks with one class for each item; leave it 0 for this task"
        )
    return Labels(spec, student.answer)

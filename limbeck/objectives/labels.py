"""Cross-entropy with the true labels: the hard part of distillation (Hinton et al. 2015, arXiv:1503.02531, section 2).

Reads the student's logits. Items without a label count for nothing. Costs nothing beside the forward pass.
"""

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Weighted
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Hard targets."""

    smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Label smoothing ε, 0 ≤ ε < 1 (Szegedy et al. 2015, arXiv:1512.00567, section 7); 0 in BERT's fine-tuning."""


def cross_entropy(
    logits: Float[Tensor, "items labels"], targets: Int[Tensor, " items"], smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over the items whose target is known, 0 if there are none.

    >>> import torch
    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([1, -1])).exp().item()  # one of four, at random
    4.0
    """
    known = targets >= 0
    total = functional.cross_entropy(
        logits.float(), targets, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    return total / known.sum().clamp(min=1)


class Labels(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "labelled"

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.student_reads, self.teacher_reads = Reads(logits=True), Reads()
        self._smoothing = spec.smoothing

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        assert student.logits is not None
        return cross_entropy(student.logits, batch.targets, self._smoothing)


def build(spec: Spec, student: Dims, teacher: Dims) -> Labels:
    """Any student will do."""
    return Labels(spec)

"""Match how alike the rows of a batch are (SetFit's distillation, Tunstall et al. 2022, arXiv:2209.11055).

`(cos_s(i, j) − cos_t(i, j))²` of the rows' pooled last hidden states, mean over all pairs of different rows of the
batch; a lone row has none. Reads those vectors of both, of any widths. Costs one product of the batch with
itself. Departs from the paper, which draws pairs of texts beforehand: here every pair in a batch counts, or of a batch
that is run in parts every pair in a part, which a warning tells.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Weighted
from limbeck.nn.types import Batch, Dims, Outputs, Pooling, Reads, Unit


class Spec(Weighted):
    """Similarities within a batch."""

    pooling: Pooling = "mean"
    """How the vectors of a row's tokens become one: their `mean`, as in the paper's models, or the `first`, `[CLS]`."""


def cosines(vectors: Float[Tensor, "rows hidden"]) -> Float[Tensor, "rows rows"]:
    """Cosine of every row with every row.

    >>> cosines(torch.tensor([[2.0, 0.0], [0.0, 3.0]])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    directions = functional.normalize(vectors.float(), dim=-1)
    return directions @ directions.T


def pair_error(student: Float[Tensor, "rows rows"], teacher: Float[Tensor, "rows rows"]) -> Float[Tensor, ""]:
    """Mean squared difference outside the diagonal, where both are 1; 0 for a lone row.

    >>> pair_error(torch.eye(2), torch.tensor([[1.0, 0.5], [0.5, 1.0]])).item()
    0.25
    """
    rows = len(student)
    differences = (student - teacher).square() * (1 - torch.eye(rows, device=student.device))
    return differences.sum() / max(rows * (rows - 1), 1)


class Similarity(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "batch"

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(pooled=frozenset({spec.pooling}))
        self._pooling = spec.pooling

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        return pair_error(cosines(student.pooled[self._pooling]), cosines(teacher.pooled[self._pooling]))


def build(spec: Spec, student: Dims, teacher: Dims) -> Similarity:
    """Any pair will do."""
    return Similarity(spec)

"""Give each row the teacher's vector (LEAF, Vujanic and Rueckstiess 2025, arXiv:2509.12539).

`‖W · pool(H_s) − pool(H_t)‖²`, summed over features, mean over rows: a text, a pair, or the words of a window have one
vector each. Reads such vectors of both, whose tokenizers may differ where rows are texts. Costs a `hidden_s × hidden_t`
product for each row. Departs from the paper, whose teachers are black boxes that give out vectors themselves, and whose
W is a part of the student. Here W is dropped in the end: the student's vectors compare with one another, as its
teacher's do, and not with its teacher's.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Weighted
from limbeck.nn.projection import projection
from limbeck.nn.reduce import mean_over
from limbeck.nn.types import Batch, Dims, Outputs, Pooling, Reads, Unit


class Spec(Weighted):
    """The vector of a row."""

    pooling: Pooling = "mean"
    """How the vectors of the tokens become one, on both sides: `mean` as in the paper, or the `first` one, `[CLS]`."""
    normalise: bool = True
    """Whether both vectors are brought to length 1, which the paper leaves to the teacher: most of embeddings do so."""


def squared_distance(left: Float[Tensor, "rows hidden"], right: Float[Tensor, "rows hidden"]) -> Float[Tensor, ""]:
    """Mean over rows of the squared Euclidean distance.

    >>> import torch
    >>> squared_distance(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])).item()
    3.0
    """
    return mean_over([(left - right).square().sum(-1)])


class Embedding(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "rows"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(pooled=frozenset({spec.pooling}))
        self.projection = projection(student.hidden, teacher.hidden)
        self._spec = spec

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        mine, wanted = self.projection(student.pooled[self._spec.pooling]), teacher.pooled[self._spec.pooling].float()
        if self._spec.normalise:
            mine, wanted = functional.normalize(mine, dim=-1), functional.normalize(wanted, dim=-1)
        return squared_distance(mine, wanted)


def build(spec: Spec, student: Dims, teacher: Dims) -> Embedding:
    """Any pair will do."""
    return Embedding(spec, student, teacher)

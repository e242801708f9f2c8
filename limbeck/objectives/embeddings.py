"""Match the embeddings' outputs (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, equation 9).

`MSE(E_s W_e, E_t)`, mean over tokens and features. Reads layer 0 of both. Costs one `hidden_s × hidden_t` product. W_e
is its own, as in the paper, where the published code shares that of the layers. `hidden_states` includes this term
unless its `embeddings` is off; here it has a weight of its own.
"""

from torch import Tensor, nn

from limbeck.core.spec import Weighted
from limbeck.nn.projection import projection
from limbeck.nn.reduce import mean_squared
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Embeddings' outputs."""


class Embeddings(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(hidden=frozenset({0}))
        self.projection = projection(student.hidden, teacher.hidden)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Tensor:
        """The loss of a batch."""
        return mean_squared(self.projection(student.hidden[0].float()), teacher.hidden[0])


def build(spec: Spec, student: Dims, teacher: Dims) -> Embeddings:
    """Any pair will do."""
    return Embeddings(student, teacher)

"""Match how the last layer attends and how its values relate (MiniLM, Wang et al. 2020, arXiv:2002.10957, section 3).

`KL(A_t ‖ A_s) + KL(R_t ‖ R_s)` with the attention `A = softmax(QKᵀ/√d)` and the relation `R = softmax(VVᵀ/√d)` of each
head, each a mean over heads and rows. Reads queries, keys and values of the last layers; widths and depths may differ,
head counts may not. Costs two `seq × seq` maps per head, few at once. The paper wants an assistant of middle size where
the student has at most half the teacher's layers and half its width. `attention_relations` is its successor.
"""

from jaxtyping import Float
from torch import Tensor, nn

from limbeck.core.spec import Weighted
from limbeck.nn.fit import check_heads
from limbeck.nn.maps import Sides, divergence
from limbeck.nn.types import HEADS, Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Self-attention of the last layer."""


class Minilm(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._student_layer, self._teacher_layer = student.layers, teacher.layers
        self.student_reads = Reads().with_layers(HEADS, {student.layers})
        self.teacher_reads = Reads().with_layers(HEADS, {teacher.layers})

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        return self._term("queries", "keys", student, teacher, batch) + self._term(
            "values", "values", student, teacher, batch
        )

    def _term(self, left: str, right: str, student: Outputs, teacher: Outputs, batch: Batch) -> Tensor:
        both = ((student, self._student_layer), (teacher, self._teacher_layer))
        sides = [getattr(outputs, kind)[layer] for outputs, layer in both for kind in (left, right)]
        return divergence(map(Sides, *map(batch.by_length, sides)))


def build(spec: Spec, student: Dims, teacher: Dims) -> Minilm:
    """Needs as many heads on both sides.

    Raises:
        RecipeError: The head counts differ.
    """
    check_heads("minilm", student, teacher)
    return Minilm(student, teacher)

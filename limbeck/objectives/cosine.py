"""Align the directions of the last hidden states (DistilBERT, Sanh et al. 2019, arXiv:1910.01108, section 2).

`1 − cos(H_s, H_t)`, mean over tokens. Reads the last hidden states of both. Costs nothing beside the forward pass, or,
with `project`, one `hidden_s × hidden_t` product. The published student is as wide as its teacher.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Weighted
from limbeck.nn.fit import projects
from limbeck.nn.projection import projection
from limbeck.nn.reduce import mean_over
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Directions of hidden states."""

    project: bool | None = None
    """Whether a trained W stands between. null: if the widths differ, which they do not in the paper."""


def cosine_distance(
    student: Float[Tensor, "tokens hidden"], teacher: Float[Tensor, "tokens hidden"]
) -> Float[Tensor, ""]:
    """Mean over tokens of 1 − cos.

    >>> import torch
    >>> student = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    >>> teacher = torch.tensor([[1.0, 0.0], [0.0, 5.0], [0.0, -1.0], [5.0, 0.0]])
    >>> round(cosine_distance(student, teacher).item(), 4)  # (0 + 1 + 2 + (1 − 3/5)) / 4
    0.85
    """
    return mean_over([1 - functional.cosine_similarity(student.float(), teacher.float(), dim=-1)])


class Cosine(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._student_layer, self._teacher_layer = student.layers, teacher.layers
        self.student_reads = Reads(hidden=frozenset({student.layers}))
        self.teacher_reads = Reads(hidden=frozenset({teacher.layers}))
        between = projects("cosine", student, teacher, spec.project)
        self.projection = projection(student.hidden, teacher.hidden) if between else nn.Identity()

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        hidden = self.projection(student.hidden[self._student_layer].float())
        return cosine_distance(hidden, teacher.hidden[self._teacher_layer])


def build(spec: Spec, student: Dims, teacher: Dims) -> Cosine:
    """Any pair will do, unless `project` is off.

    Raises:
        RecipeError: The widths differ and `project` is off.
    """
    return Cosine(spec, student, teacher)

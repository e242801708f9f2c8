"""Match hidden states layer by layer (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, equations 8 and 9).

`MSE(H_s W, H_t)`, mean over tokens and features, averaged over the matched layers. Reads hidden states of both.
Costs one `hidden_s × hidden_t` product per matched layer. Departs from the published code, which shares one W among
all layers: here every pair has its own. Where the widths are equal W starts as the identity, else as a partial one.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Weighted
from limbeck.nn.layer_map import LayerMap, layer_map
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Hidden states."""

    layers: LayerMap = "ordered"
    """Which teacher layers answer which student layers: `uniform` as in the paper; `ordered`, the same where the depths
    divide, rounded up where not; or `last` alone."""
    embeddings: bool = True
    """Whether the embeddings' outputs (layer 0) are matched too, equation 9; the paper does."""
    project: bool = True
    """Whether a trained W stands between; without it the widths must be equal. The paper always projects."""
    normalise: bool = False
    """Whether both sides are first brought to mean 0 and variance 1 over the features; the paper does not."""


def mean_squared(student: Float[Tensor, "tokens hidden"], teacher: Float[Tensor, "tokens hidden"]) -> Float[Tensor, ""]:
    """Mean squared difference over tokens and features.

    >>> mean_squared(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]])).item()
    5.0
    """
    return (student.float() - teacher.float()).square().mean()


class HiddenStates(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._pairs = layer_map(spec.layers, student.layers, teacher.layers)
        if spec.embeddings:
            self._pairs = {0: 0} | self._pairs
        self.student_reads = Reads(hidden=frozenset(self._pairs))
        self.teacher_reads = Reads(hidden=frozenset(self._pairs.values()))
        self._normalise = spec.normalise
        self.projections = nn.ModuleDict()
        if spec.project:
            for layer in self._pairs:
                self.projections[str(layer)] = projection = nn.Linear(student.hidden, teacher.hidden, bias=False)
                if student.hidden == teacher.hidden:
                    nn.init.eye_(projection.weight)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        terms = [self._term(s, student.hidden[s], teacher.hidden[t]) for s, t in self._pairs.items()]
        return torch.stack(terms).mean()

    def _term(self, layer: int, student: Tensor, teacher: Tensor) -> Tensor:
        if self.projections:
            student = self.projections[str(layer)](student.float())
        if self._normalise:
            width = teacher.shape[-1:]
            student = nn.functional.layer_norm(student, width)
            teacher = nn.functional.layer_norm(teacher.float(), width)
        return mean_squared(student, teacher)


def build(spec: Spec, student: Dims, teacher: Dims) -> HiddenStates:
    """Needs a student no deeper than its teacher.

    Raises:
        RecipeError: It is deeper, or the widths differ and `project` is off.
    """
    if not spec.project and student.hidden != teacher.hidden:
        raise RecipeError(
            f"hidden_states.project: the widths {student.hidden} and {teacher.hidden} differ; set it to true"
        )
    return HiddenStates(spec, student, teacher)

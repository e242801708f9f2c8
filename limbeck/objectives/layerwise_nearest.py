"""Match teacher layers with whatever student layers are nearest (CoFi, Xia et al. 2022, arXiv:2204.00408, section 3.2).

`MSE(H_s^m(i) W, H_t^i)`, mean over tokens, features and the chosen teacher layers i. m(i) is found anew in each step,
or part of a batch, from the deepest i down: the nearest student layer below the one just taken, or layer 1 again where
none is left. Reads hidden states of both, of all student layers. Costs a product and as many distances as there are
teacher layers for each student layer. Departs from the published code: W has no bias, and is a part of no model.
"""

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Weighted
from limbeck.nn.projection import projection
from limbeck.nn.reduce import mean_squared
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit

_QUARTERS = 4


class Spec(Weighted):
    """Nearest layers. A weight of 3.6, beside 0.1 of soft targets at T = 2, is the paper's 0.9 of four layers' sum."""

    teacher_layers: tuple[int, ...] = Field(())
    """Teacher layers, counted from 1, in increasing order; 3, 6, 9 and 12 of 12 in the paper. None: the ends of the
    four quarters of the teacher, and the same of each other depth."""


def nearest_increasing(distances: Float[Tensor, "teacher_layers student_layers"]) -> Int[Tensor, " teacher_layers"]:
    """Index of the nearest student layer of each teacher layer, increasing; the first again where none is left.

    >>> nearest_increasing(torch.tensor([[5.0, 1.0, 9.0], [7.0, 2.0, 3.0]])).tolist()
    [0, 1]
    """
    places = torch.arange(distances.shape[1], device=distances.device)
    limit = distances.new_tensor(distances.shape[1], dtype=torch.long)
    found = []
    for row in distances.detach().flip(0):
        limit = row.masked_fill(places >= limit.clamp(min=1), torch.inf).argmin()
        found.append(limit)
    return torch.stack(found).flip(0)


class LayerwiseNearest(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, student: Dims, teacher: Dims, teacher_layers: tuple[int, ...]) -> None:
        super().__init__()
        self._student_layers, self._teacher_layers = range(1, student.layers + 1), teacher_layers
        self.student_reads = Reads(hidden=frozenset(self._student_layers))
        self.teacher_reads = Reads(hidden=frozenset(teacher_layers))
        self.projection = projection(student.hidden, teacher.hidden)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        projected = [self.projection(student.hidden[layer].float()) for layer in self._student_layers]
        wanted = [teacher.hidden[layer] for layer in self._teacher_layers]
        distances = torch.stack([torch.stack([mean_squared(s, t) for s in projected]) for t in wanted])
        return distances.gather(1, nearest_increasing(distances)[:, None]).mean()


def build(spec: Spec, student: Dims, teacher: Dims) -> LayerwiseNearest:
    """Needs teacher layers that there are.

    Raises:
        RecipeError: There are not, or their order is another.
    """
    ends = {-(-quarter * teacher.layers // _QUARTERS) for quarter in range(1, _QUARTERS + 1)}
    layers = spec.teacher_layers or tuple(sorted(ends))
    if list(layers) != sorted(set(layers)) or not 1 <= layers[0] <= layers[-1] <= teacher.layers:
        raise RecipeError(
            f"layerwise_nearest.teacher_layers: {list(layers)}; give layers from 1 to {teacher.layers}, each once, in "
            "increasing order"
        )
    return LayerwiseNearest(student, teacher, layers)

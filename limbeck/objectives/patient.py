"""Match the directions of `[CLS]` in the layers below the last (Sun et al. 2019, arXiv:1908.09355, equation 7).

`MSE(h_s/‖h_s‖, h_t/‖h_t‖)` of the token that answers for each item: a text's first, or the first sub-word of a word.
Mean over items, features and layers, as in the published code, for which the paper's weights are meant. Reads hidden
states of both. Costs nothing beside the forward pass. Departs from the paper in what it does for words.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Weighted
from limbeck.nn.fit import projects
from limbeck.nn.layer_map import Layers, layer_map
from limbeck.nn.projection import projection
from limbeck.nn.reduce import mean_squared
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Directions in intermediate layers. The paper tries weights of 10, 100, 500 and 1000."""

    layers: Layers = "skip"
    """Which teacher layers answer which student layers: `skip`, every N/M-th, the better one in the paper; `last_k`,
    those just below the last; `random`, drawn anew in each epoch; `ordered`, where N/M is no whole number; `uniform`,
    `lower`, `last` or pairs."""
    project: bool | None = None
    """Whether a trained W stands between. null: if the widths differ, which they do not in the paper."""


def direction_error(
    student: Float[Tensor, "items hidden"], teacher: Float[Tensor, "items hidden"]
) -> Float[Tensor, ""]:
    """Mean squared difference of the normalised vectors.

    >>> round(direction_error(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])).item(), 4)  # (0.6² + 0.2²) / 2
    0.2
    """
    return mean_squared(functional.normalize(student.float(), dim=-1), functional.normalize(teacher.float(), dim=-1))


class Patient(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "items"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._map = layer_map(spec.layers, student.layers, teacher.layers, "patient.layers")
        self.student_reads, self.teacher_reads = Reads(hidden=self._map.student), Reads(hidden=self._map.teacher)
        layers = self._map.student if projects("patient", student, teacher, spec.project) else ()
        self.projections = nn.ModuleDict(
            {str(layer): projection(student.hidden, teacher.hidden) for layer in sorted(layers)}
        )

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        terms = []
        for s, t in self._map.at(batch.moment).items():
            mine = student.hidden[s][batch.items].float()
            mine = self.projections[str(s)](mine) if self.projections else mine
            terms.append(direction_error(mine, teacher.hidden[t][batch.items]))
        return torch.stack(terms).mean()


def build(spec: Spec, student: Dims, teacher: Dims) -> Patient:
    """Needs depths that admit the map of layers.

    Raises:
        RecipeError: They do not, or the widths differ and `project` is off.
    """
    return Patient(spec, student, teacher)

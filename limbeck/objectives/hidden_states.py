"""Match hidden states layer by layer (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, equations 8 and 9).

`MSE(H_s W, H_t)`, mean over tokens and features, averaged over the matched layers. Reads hidden states of both.
Costs one `hidden_s × hidden_t` product per matched layer. Departs from the published code, which shares one W among
all layers: here every layer of the student has its own. Where the widths are equal W starts as the identity.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from limbeck.core.spec import Weighted
from limbeck.nn.fit import projects
from limbeck.nn.layer_map import Layers, layer_map
from limbeck.nn.projection import projection
from limbeck.nn.reduce import mean_squared
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Hidden states."""

    layers: Layers = "ordered"
    """Which teacher layers answer which student layers: `uniform` as in the paper; `ordered`, the same where the depths
    divide, rounded up where not; `lower`; `last` alone; `skip` or `last_k`, which leave the last one out; `random`,
    drawn anew in each epoch; or pairs."""
    embeddings: bool = True
    """Whether the embeddings' outputs (layer 0) are matched too, as one layer more, equation 9; the paper does. The
    objective `embeddings` does it with a weight of its own."""
    project: bool = True
    """Whether a trained W stands between; without it the widths must be equal. The paper always projects."""
    normalise: bool = False
    """Whether both sides are first brought to mean 0 and variance 1 over the features; the paper does not."""


class HiddenStates(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._map = layer_map(spec.layers, student.layers, teacher.layers, "hidden_states.layers")
        self._always = {0: 0} if spec.embeddings else {}
        self.student_reads = Reads(hidden=self._map.student | frozenset(self._always))
        self.teacher_reads = Reads(hidden=self._map.teacher | frozenset(self._always.values()))
        self._normalise = spec.normalise
        between = projects("hidden_states", student, teacher, spec.project)
        layers = sorted(self.student_reads.hidden) if between else ()
        self.projections = nn.ModuleDict({str(layer): projection(student.hidden, teacher.hidden) for layer in layers})

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        pairs = self._always | dict(self._map.at(batch.moment))
        return torch.stack([self._term(s, student.hidden[s], teacher.hidden[t]) for s, t in pairs.items()]).mean()

    def _term(self, layer: int, student: Tensor, teacher: Tensor) -> Tensor:
        if self.projections:
            student = self.projections[str(layer)](student.float())
        if self._normalise:
            width = teacher.shape[-1:]
            student = nn.functional.layer_norm(student, width)
            teacher = nn.functional.layer_norm(teacher.float(), width)
        return mean_squared(student, teacher)


def build(spec: Spec, student: Dims, teacher: Dims) -> HiddenStates:
    """Needs depths that admit the map of layers.

    Raises:
        RecipeError: They do not, or the widths differ and `project` is off.
    """
    return HiddenStates(spec, student, teacher)

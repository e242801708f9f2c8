"""Match attention scores before the softmax (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, equation 7).

`MSE(Q_s K_sᵀ/√d_s, Q_t K_tᵀ/√d_t)`, mean over heads, real rows and real columns, averaged over the matched layers.
Reads queries and keys of both; the head counts must be equal. Costs a `seq × seq` map per head and layer. Departs from
the published code, which takes scores after the padding mask and thereby matches −10000 with −10000.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from limbeck.core.spec import Weighted
from limbeck.nn.fit import check_heads
from limbeck.nn.layer_map import Layers, layer_map
from limbeck.nn.maps import Sides, mean_squares
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Attention scores."""

    layers: Layers = "ordered"
    """Which teacher layers answer which student layers: `uniform` as in the paper; `ordered`, the same where the depths
    divide, rounded up where not; `lower`; `last` alone; `skip` or `last_k`, which leave the last one out; `random`,
    drawn anew in each epoch; or pairs."""


class AttentionScores(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "pairs"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._map = layer_map(spec.layers, student.layers, teacher.layers, "attention_scores.layers")
        self.student_reads = Reads().with_layers(("queries", "keys"), self._map.student)
        self.teacher_reads = Reads().with_layers(("queries", "keys"), self._map.teacher)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        pairs = self._map.at(batch.moment)
        return torch.stack([self._term(s, t, student, teacher, batch) for s, t in pairs.items()]).mean()

    def _term(self, layer: int, of: int, student: Outputs, teacher: Outputs, batch: Batch) -> Tensor:
        sides = (student.queries[layer], student.keys[layer], teacher.queries[of], teacher.keys[of])
        return mean_squares(map(Sides, *map(batch.by_length, sides)))


def build(spec: Spec, student: Dims, teacher: Dims) -> AttentionScores:
    """Needs as many heads on both sides, and depths that admit the map of layers.

    Raises:
        RecipeError: The head counts differ, or the depths do not.
    """
    check_heads("attention_scores", student, teacher)
    return AttentionScores(spec, student, teacher)

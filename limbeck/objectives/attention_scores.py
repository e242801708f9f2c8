"""Match attention scores before the softmax (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, equation 7).

`MSE(Q_s K_sᵀ/√d_s, Q_t K_tᵀ/√d_t)`, mean over heads, real rows and real columns, averaged over the matched layers.
Reads queries and keys of both; the head counts must be equal. Costs a `seq × seq` map per head and layer. Departs from
the published code, which takes scores after the padding mask and thereby matches −10000 with −10000.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Weighted
from limbeck.nn.layer_map import LayerMap, layer_map
from limbeck.nn.reduce import mean_over
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Attention scores."""

    layers: LayerMap = "ordered"
    """Which teacher layers answer which student layers: `uniform` as in the paper; `ordered`, the same where the depths
    divide, rounded up where not; or `last` alone."""


def scores(
    queries: Float[Tensor, "rows length heads head_dim"], keys: Float[Tensor, "rows length heads head_dim"]
) -> Float[Tensor, "rows heads length length"]:
    """Scaled products of every query with every key of its text.

    >>> queries = torch.tensor([[[[1.0, 3.0, 0.0, 0.0]]]])  # one token, one head of four features
    >>> scores(queries, queries).item()  # (1 + 9) / √4
    5.0
    """
    products: Tensor = queries.float().transpose(1, 2) @ keys.float().permute(0, 2, 3, 1)
    return products / math.sqrt(queries.shape[-1])


class AttentionScores(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "pairs"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._pairs = layer_map(spec.layers, student.layers, teacher.layers)
        self.student_reads = Reads().with_layers(("queries", "keys"), self._pairs)
        self.teacher_reads = Reads().with_layers(("queries", "keys"), self._pairs.values())

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        return torch.stack([self._term(s, t, student, teacher, batch) for s, t in self._pairs.items()]).mean()

    def _term(self, layer: int, of: int, student: Outputs, teacher: Outputs, batch: Batch) -> Tensor:
        sides = (student.queries[layer], student.keys[layer], teacher.queries[of], teacher.keys[of])
        groups = zip(*map(batch.by_length, sides), strict=True)
        return mean_over((scores(sq, sk) - scores(tq, tk)).square() for sq, sk, tq, tk in groups)


def build(spec: Spec, student: Dims, teacher: Dims) -> AttentionScores:
    """Needs as many heads on both sides.

    Raises:
        RecipeError: The head counts differ.
    """
    if student.heads != teacher.heads:
        raise RecipeError(
            f"attention_scores: the student has {student.heads} heads, the teacher {teacher.heads}; give the student "
            f"heads={teacher.heads}, or use attention_relations, which needs no equal heads"
        )
    return AttentionScores(spec, student, teacher)

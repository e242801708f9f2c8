"""Match attention scores before the softmax (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, equation 7).

`MSE(Q_s K_sᵀ/√d_s, Q_t K_tᵀ/√d_t)`, mean over heads, real rows and real columns, averaged over the matched layers.
Reads queries and keys of both; the head counts must be equal. Costs a `seq × seq` map per head and layer. Departs from
the published code, which takes scores after the padding mask and thereby matches −10000 with −10000.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Weighted
from limbeck.nn.layer_map import LayerMap, layer_map
from limbeck.nn.reduce import pair_mean
from limbeck.nn.types import Batch, Dims, Outputs, Reads


class Spec(Weighted):
    """Attention scores."""

    layers: LayerMap = "ordered"
    """Which teacher layers answer which student layers: `uniform` as in the paper; `ordered`, the same where the depths
    divide, rounded up where not; or `last` alone."""


def scores(
    queries: Float[Tensor, "batch heads seq head_dim"], keys: Float[Tensor, "batch heads seq head_dim"]
) -> Float[Tensor, "batch heads seq seq"]:
    """Scaled products of every query with every key."""
    products: Tensor = queries.float() @ keys.float().transpose(-1, -2)
    return products / math.sqrt(queries.shape[-1])


def score_mse(
    student: Float[Tensor, "batch heads seq seq"],
    teacher: Float[Tensor, "batch heads seq seq"],
    real: Bool[Tensor, "batch seq"],
) -> Float[Tensor, ""]:
    """Mean squared difference over heads and pairs of real tokens.

    >>> student, teacher = torch.zeros(1, 1, 2, 2), torch.tensor([[[[2.0, 9.0], [9.0, 9.0]]]])
    >>> score_mse(student, teacher, torch.tensor([[True, False]])).item()
    4.0
    """
    return pair_mean((student - teacher).square(), real)


class AttentionScores(nn.Module):
    """The term, ready to be summed."""

    def __init__(self, spec: Spec, student: Dims, teacher: Dims) -> None:
        super().__init__()
        self._pairs = layer_map(spec.layers, student.layers, teacher.layers)
        self.student_reads = Reads(attention=frozenset(self._pairs))
        self.teacher_reads = Reads(attention=frozenset(self._pairs.values()))

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        terms = [
            score_mse(
                scores(student.queries[s], student.keys[s]), scores(teacher.queries[t], teacher.keys[t]), batch.real
            )
            for s, t in self._pairs.items()
        ]
        return torch.stack(terms).mean()


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

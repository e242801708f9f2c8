"""Match relations among queries, keys and values (MiniLMv2, Wang et al. 2021, arXiv:2012.15828, equations 3 to 5).

The heads of Q (K, V) are concatenated and split again into A_r relation heads; `R = softmax(A Aᵀ/√(d/A_r))`; the loss
is `KL(R_t ‖ R_s)`, mean over relation heads and real rows, summed over Q-Q, K-K and V-V. Reads queries, keys and values
of one layer of each side, any widths and head counts. Costs three `seq × seq` maps per relation head, few at once.
Departs from the public versions, which loop over the sentences of a batch.
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Weighted
from limbeck.nn.maps import Sides, divergence
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit

_FEATURES, _MOST_HEADS = 16, 64
Relation = Literal["queries", "keys", "values"]


class Spec(Weighted):
    """Attention relations."""

    relation_heads: int = Field(0, ge=0)
    """A_r, must divide both widths; 48 for base and 64 for large teachers in the paper, 16 features to a head. 0: the
    largest divisor of both widths that leaves the student 16 features to a head, at most 64."""
    teacher_layer: int = Field(0, ge=0)
    """Teacher layer, counted from 1; 0 is the last. The paper takes the last of base and layer 21 of BERT-large."""
    relations: tuple[Relation, ...] = Field(("queries", "keys", "values"), min_length=1)
    """Which relations are matched; the paper takes all three, table 6 tells what each adds."""


def regrouped(
    vectors: Float[Tensor, "rows length heads head_dim"], relation_heads: int
) -> Float[Tensor, "rows length relation_heads features"]:
    """The vectors of each token, concatenated and split again into relation heads.

    >>> regrouped(torch.zeros(1, 5, 12, 26), relation_heads=3).shape
    torch.Size([1, 5, 3, 104])
    """
    rows, length, heads, size = vectors.shape
    return vectors.reshape(rows, length, relation_heads, heads * size // relation_heads)


class AttentionRelations(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "tokens"

    def __init__(self, spec: Spec, student: Dims, teacher: Dims, relation_heads: int) -> None:
        super().__init__()
        self._student_layer = student.layers
        self._teacher_layer = spec.teacher_layer or teacher.layers
        self.student_reads = Reads().with_layers(spec.relations, {self._student_layer})
        self.teacher_reads = Reads().with_layers(spec.relations, {self._teacher_layer})
        self._relations = spec.relations
        self._heads = relation_heads

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch."""
        terms = [
            self._term(getattr(student, name)[self._student_layer], getattr(teacher, name)[self._teacher_layer], batch)
            for name in self._relations
        ]
        return torch.stack(terms).sum()

    def _term(self, student: Tensor, teacher: Tensor, batch: Batch) -> Tensor:
        groups = zip(batch.by_length(student), batch.by_length(teacher), strict=True)
        both = ((regrouped(s, self._heads), regrouped(t, self._heads)) for s, t in groups)
        return divergence(Sides(s, s, t, t) for s, t in both)


def build(spec: Spec, student: Dims, teacher: Dims) -> AttentionRelations:
    """Needs relation heads that divide both widths, and a teacher layer that exists.

    Raises:
        RecipeError: They do not, or it does not; those that would do are named.
    """
    width, of = student.attended, teacher.attended
    fit = [n for n in range(1, 129) if width % n == 0 and of % n == 0]
    heads = spec.relation_heads or max(n for n in fit if n == 1 or (n <= _MOST_HEADS and width // n >= _FEATURES))
    if width % heads or of % heads:
        raise RecipeError(
            f"attention_relations.relation_heads: {heads} does not divide both widths {width} and {of}; those that do "
            f"are {', '.join(map(str, fit))}"
        )
    if spec.teacher_layer > teacher.layers:
        raise RecipeError(
            f"attention_relations.teacher_layer: {spec.teacher_layer}, but the teacher has {teacher.layers} layers"
        )
    return AttentionRelations(spec, student, teacher, heads)

"""Whether the second text is the one that follows the first: cross-entropy of a pooler's two classes.

The loss of next sentence prediction (BERT, Devlin et al. 2018, arXiv:1810.04805, section 3.1) and of sentence order
prediction (ALBERT, Lan et al. 2019, arXiv:1909.11942, section 3.1). Reads the logits that a network made for
pre-training has for pairs of texts. Costs nothing beside the forward pass.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from limbeck.core.spec import Weighted
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """The relation of two texts."""


class TextRelation(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "related"
    student_reads, teacher_reads = Reads(relation=True), Reads()

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Float[Tensor, ""]:
        """Mean over the rows of a batch whose relation is known, natural logarithm; 0 where there is none."""
        assert student.relation is not None
        assert batch.relations is not None
        known = (batch.relations >= 0).sum().clamp(min=1)
        logits = student.relation.float()
        return functional.cross_entropy(logits, batch.relations, ignore_index=-1, reduction="sum") / known


def build(spec: Spec, student: Dims, teacher: Dims) -> TextRelation:
    """Any student with a head for pairs will do."""
    return TextRelation()

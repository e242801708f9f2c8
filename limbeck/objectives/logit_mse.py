"""Match the teacher's logits (Ba and Caruana 2014, arXiv:1312.6184, equation 1), which may grow as the phase goes on.

`MSE(z_s, φ · z_t)`, mean over items and labels; φ is 1. With φ rising from 1/T_max to 1 it is the first phase of
annealing (Jafari et al. 2021, arXiv:2104.07163): there φ(T) = 1 − (T − 1)/T_max while T falls from T_max to 1, and a
phase of `labels` alone follows. Reads both logits. Unlabelled items count. Departs from the first paper, which sums
over labels and halves, and from annealing's, which lowers T by whole numbers, an epoch or more for each.
"""

from typing import Annotated

from torch import Tensor, nn

from limbeck.core.spec import Ramp, Weighted, changing, value_at
from limbeck.nn.fit import check_labels
from limbeck.nn.reduce import mean_squared
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit


class Spec(Weighted):
    """Logits."""

    scale: Annotated[float | Ramp, changing(gt=0.0)] = 1.0
    """Factor φ of the teacher's logits, > 0; 1 in Ba and Caruana's paper. It may change, as `weight` may: for annealing
    `{from: 0.1, to: 1}`, where T_max is 10."""


class LogitMse(nn.Module):
    """The term, ready to be summed."""

    unit: Unit = "items"

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.student_reads = self.teacher_reads = Reads(logits=True)
        self._scale = spec.scale

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Tensor:
        """The loss of a batch."""
        assert student.logits is not None
        assert teacher.logits is not None
        return mean_squared(student.logits, value_at(self._scale, batch.moment.progress) * teacher.logits.float())


def build(spec: Spec, student: Dims, teacher: Dims) -> LogitMse:
    """Needs both to answer with the same labels.

    Raises:
        RecipeError: The numbers of labels differ.
    """
    check_labels("logit_mse", student, teacher)
    return LogitMse(spec)

"""A weighted sum of objectives over one student: the module that a training step runs.

Where the student answers with a vocabulary, objectives that read logits see some items at a time, and know nothing of
it: each is a mean over items, and means over parts, weighed by the parts' shares, add up to that over all.
"""

import copy
import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor, nn

from limbeck.core.errors import RecipeError
from limbeck.core.shelf import shelf
from limbeck.core.spec import Ramp, Weighted, ramps, value_at
from limbeck.nn.compiling import compiled
from limbeck.nn.model import Model
from limbeck.nn.ports import Objective
from limbeck.nn.types import Batch, Dims, Outputs, Reads, Unit
from limbeck.nn.vocabulary import summed

Filling = Callable[[Batch], tuple[Batch, Tensor]]
"""Makes a network's input of a batch, and gives its own loss, this batch's share of it: a module."""


class Mixture(nn.Module):
    """Runs the student and its objectives.

    Args:
        model: The student.
        objectives: Name → weight and objective; those of weight 0 are left out.
        steady: Whether the loss is the same function of the outputs at every step: nothing in it ramps.
        filling: What makes the student's input of a batch, and is trained beside it; None gives it the batch as it is.
    """

    def __init__(
        self,
        model: Model,
        objectives: Mapping[str, tuple[float | Ramp, Objective]],
        *,
        steady: bool = True,
        filling: Filling | None = None,
    ) -> None:
        super().__init__()
        self.network = model.network
        self.filling = filling
        self.objectives = nn.ModuleDict({name: o for name, (_, o) in objectives.items()})  # type: ignore[misc]
        self.weights = {name: weight for name, (weight, _) in objectives.items()}
        self._units = {name: objective.unit for name, (_, objective) in objectives.items()}
        self.together = [name for name, unit in self._units.items() if unit == "batch"]
        """Objectives that compare rows of a batch with one another."""
        self.steady = steady
        self._over_items = [name for name, (_, o) in objectives.items() if o.student_reads.logits]
        self._model = model
        self._no_split_modules = sorted({type(part.layer).__name__ for part in model.parts.layers})  # FSDP's units
        self.student_reads = _union(o.student_reads for _, o in objectives.values())
        self.teacher_reads = _union(o.teacher_reads for _, o in objectives.values())

    def forward(self, batch: Batch, teacher: Outputs) -> dict[str, Tensor]:
        """Each weighted term, and their sum as `loss`."""
        return self.run(batch, teacher)[0]

    def run(self, batch: Batch, teacher: Outputs) -> tuple[dict[str, Tensor], Outputs, Batch]:
        """What `forward` gives, and the student's outputs for the batch that it was asked about."""
        if self.filling is None:
            return *self._losses(batch, teacher), batch
        filled, own = self.filling(batch)
        terms, student = self._losses(filled, teacher)
        return {**terms, "loss": terms["loss"] + own, "generator": own}, student, filled

    def _losses(self, batch: Batch, teacher: Outputs) -> tuple[dict[str, Tensor], Outputs]:
        student = self._model.run(batch, self.student_reads)
        factors = {
            name: value_at(weight, batch.moment.progress) * batch.shares[self._units[name]]
            for name, weight in self.weights.items()
        }
        apart = [] if student.vocabulary is None else self._over_items
        with torch.autocast(batch.input_ids.device.type, enabled=False):  # losses are taken in fp32
            terms = {
                name: factors[name] * o(student, teacher, batch)
                for name, o in self.objectives.items()
                if name not in apart
            }
        summands = list(terms.values())
        if apart:
            total, values = self._in_chunks({name: factors[name] for name in apart}, student, teacher, batch)
            summands.append(total)
            terms.update(zip(apart, values, strict=True))
        return {"loss": torch.stack(summands).sum(), **{name: terms[name] for name in self.objectives}}, student

    def _in_chunks(
        self, factors: Mapping[str, float], student: Outputs, teacher: Outputs, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """The sum of some objectives over logits of a vocabulary, and each of them, which alone has no gradients."""
        assert student.vocabulary is not None
        whole = _counts(batch)

        def terms(places: slice, logits: Tensor, answers: Tensor | None) -> Tensor:
            part = batch.of_items(places)
            counts, own, taught = _counts(part), Outputs(logits=logits), Outputs(logits=answers)
            shares = {name: counts[self._units[name]] / whole[self._units[name]].clamp(min=1) for name in factors}
            return torch.stack(
                [factor * shares[name] * self.objectives[name](own, taught, part) for name, factor in factors.items()]
            )

        return summed(terms, student.vocabulary, teacher.vocabulary if self.teacher_reads.logits else None)

    @property
    def width(self) -> int:
        """Features of a token in the student."""
        return self._model.dims.hidden

    def twin(self) -> "Mixture":
        """A copy with parameters of its own."""
        network = copy.deepcopy(self.network)
        model = replace(self._model, network=network, parts=self._model.backbone.parts(network))
        objectives = {name: (self.weights[name], copy.deepcopy(o)) for name, o in self.objectives.items()}
        filling = copy.deepcopy(self.filling)
        return Mixture(model, objectives, steady=self.steady, filling=filling)  # type: ignore[arg-type]

    def compiled(self) -> AbstractContextManager[None]:
        """Inside the block, the student's layers train compiled."""
        return compiled(self._model)

    def untied_tables(self) -> list[nn.Embedding]:
        """The student's table of words, if its weights are read in no other way: a tied decoder reads them all.

        Where a generator fills words in, nobody knows before which ones they are.
        """
        words = self._model.parts.tables[0]
        if self.filling is not None:
            return []
        owners = sum(p is words.weight for module in self.modules() for p in module._parameters.values())
        return [words] if owners == 1 else []


def mix(model: Model, specs: Sequence[Weighted], teacher: Dims, filling: Filling | None = None) -> Mixture:
    """Build the objectives of a phase.

    Args:
        model: The student.
        specs: One per objective, of the objectives shelf.
        teacher: The teacher's size.
        filling: What makes the student's input of a batch; None gives it the batch as it is.

    Raises:
        RecipeError: None is left, one is named twice, or one does not fit the pair of models.
    """
    built = build_objectives(specs, model.dims, teacher)
    return Mixture(model, built, steady=not any(map(ramps, specs)), filling=filling)


def build_objectives(
    specs: Sequence[Weighted], student: Dims, teacher: Dims
) -> dict[str, tuple[float | Ramp, Objective]]:
    """Name → weight and objective; those of weight 0 are left out.

    Raises:
        RecipeError: None is left, one is named twice, or one does not fit the pair of sizes.
    """
    weighed = [s for s in specs if s.weight != 0]
    names = [s.kind for s in weighed]
    if not names or len(set(names)) < len(names):
        raise RecipeError(f"objectives: give at least one, each once, with a weight above 0 (found {names})")
    return {s.kind: (s.weight, shelf("objectives").build(s, student, teacher)) for s in weighed}


def _counts(batch: Batch) -> dict[Unit, Tensor]:
    """How many there are of each unit that a part of the items has a share of, without waiting for the device."""
    return {"items": torch.tensor(len(batch.items)), "labelled": (batch.targets >= 0).sum()}


def _union(reads: Iterable[Reads]) -> Reads:
    return functools.reduce(operator.or_, reads, Reads())

"""One training step: forward, backward, clip, update. Parts of a batch add up to the whole batch, exactly."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limbeck.engine import processes
from limbeck.engine.optim import clip, optimizers, schedule
from limbeck.engine.touched import hand_over, touched
from limbeck.nn.types import Batch, Outputs

if TYPE_CHECKING:
    from limbeck.engine.mixture import Mixture
    from limbeck.engine.training import Updates


class Step:
    """Trains a mixture, a batch at a time; `rate` tells the peak rate, `warmup` the steps in which it is climbed to.

    Where weights lie in parts, a twin of the mixture is trained, and `gather` brings its weights back.

    Args:
        mixture: The network and its objectives.
        spec: How to train.
        accelerator: accelerate's, which knows devices, processes and precision.
        total: Steps in all, for the schedule.
    """

    def __init__(self, mixture: "Mixture", spec: "Updates", accelerator: Any, total: int) -> None:
        self._accelerator, self._spec, self._given = accelerator, spec, mixture
        self._trained = mixture.twin() if processes.sharded() else mixture
        by_row = spec.embeddings == "rows" and not processes.sharded()
        self._tables = [table for table in mixture.untied_tables() if by_row and table.weight.requires_grad]
        self.rate = spec.rate(mixture.width)
        made = optimizers(self._trained, self._tables, self.rate, spec.weight_decay)
        self.warmup = round(spec.warmup_fraction * total)
        self._rates = [schedule(optimizer, spec.schedule, self.warmup, total) for optimizer in made]
        _sum_apart(self._trained, self._tables, accelerator)
        self._module, *prepared = accelerator.prepare(self._trained, *made)
        # accelerate would end the round of fp16's scale after each of them, not after both.
        self._optimizers = [optimizer.optimizer for optimizer in prepared]

    def __call__(self, parts: Sequence[tuple[Batch, Outputs]]) -> dict[str, Tensor]:
        """Update the network by one batch.

        Args:
            parts: This process's parts of the batch, each with the teacher's outputs. Every part's terms are weighed by
                its share of what they are means over, so that the sum over parts and processes is the batch's loss.

        Returns:
            `loss` and its terms: this process's share of them.
        """
        sums: dict[str, Tensor] = {}
        ids, together = parts[0][0].distinct, self._accelerator.num_processes
        with touched(self._tables, ids) as copies:
            for number, (batch, answers) in enumerate(parts, start=1):
                with self._quiet() if number < len(parts) else nullcontext():
                    with self._accelerator.autocast():
                        terms = self._module(batch, answers)
                    # Processes average their gradients, where shares want the sum.
                    self._accelerator.backward(terms["loss"] * together)
                for name, value in terms.items():
                    sums[name] = sums.get(name, 0) + value.detach()
        for table, rows in zip(self._tables, copies, strict=True):
            if ids is not None and (own := rows.gradient) is not None:
                hand_over(table, ids, self._accelerator.reduce(own, "mean") if together > 1 else own)
        self._update()
        return sums

    def dropout(self) -> None:
        """Switch dropout on or off, as the spec says: all that training mode changes in an encoder."""
        self._trained.train(self._spec.dropout)

    def compiled(self) -> AbstractContextManager[None]:
        """Inside the block, layers run compiled, if the spec says so."""
        return self._trained.compiled() if self._spec.compile else nullcontext()

    def gather(self) -> None:
        """Bring the weights back into the mixture that was given, if they lie in parts."""
        if self._trained is not self._given:
            with torch.no_grad():
                for given, part in zip(self._given.parameters(), self._trained.parameters(), strict=True):
                    given.copy_(part.full_tensor())  # type: ignore[attr-defined]

    def is_finite(self) -> bool:
        """Whether every weight still is a number."""
        return all(bool(weight.isfinite().all()) for weight in self._trained.parameters())

    def state(self) -> dict[str, Any]:
        """Weights, moments, rates and scale, as they are between two steps."""
        scaler = self._accelerator.scaler
        return {
            "weights": self._trained.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "rates": [rate.state_dict() for rate in self._rates],
            "scale": None if scaler is None else scaler.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._trained.load_state_dict(state["weights"])
        for own, saved in zip([*self._optimizers, *self._rates], [*state["optimizers"], *state["rates"]], strict=True):
            own.load_state_dict(saved)
        if self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state["scale"])

    def _quiet(self) -> Any:
        """Gradients stay in this process until the last part."""
        return self._accelerator.no_sync(self._module)

    def _update(self) -> None:
        """Clip and step, all of it or, where fp16 overflowed, nothing of it."""
        scaler = self._accelerator.scaler
        self._accelerator.unscale_gradients()
        norm = clip(self._trained.parameters(), self._spec.clip_norm)
        if scaler is None or norm.isfinite():
            for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
                optimizer.step()
                rate.step()
        if scaler is not None:
            scaler.update()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)


def _sum_apart(module: nn.Module, tables: Sequence[nn.Embedding], accelerator: Any) -> None:
    """Let processes leave the tables' gradients to the step, which knows that they all have the same rows.

    They then leave the tables themselves too, which the first process gives to all here, as they do all else.
    """
    from accelerate.utils import broadcast

    for table in tables if accelerator.num_processes > 1 else ():
        broadcast(table.weight.data)
    weights = {id(table.weight) for table in tables}
    names = [name for name, parameter in module.named_parameters() if id(parameter) in weights]
    ignore = nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
    ignore(module, names)  # type: ignore[no-untyped-call]

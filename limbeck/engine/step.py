"""One training step: forward, backward, clip, update. Parts of a batch add up to the whole batch, exactly."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from limbeck.engine.optim import clip, optimizers, schedule
from limbeck.nn.types import Batch, Outputs

if TYPE_CHECKING:
    from limbeck.engine.loop import Training
    from limbeck.engine.mixture import Mixture


class Step:
    """Trains a mixture, a batch at a time; `warmup` tells the steps in which the rate climbs.

    Args:
        mixture: The network and its objectives.
        spec: How to train.
        accelerator: accelerate's, which knows devices, processes and precision.
        total: Steps in all, for the schedule.
    """

    def __init__(self, mixture: "Mixture", spec: "Training", accelerator: Any, total: int) -> None:
        self._accelerator, self._spec = accelerator, spec
        sums_rows = accelerator.num_processes == 1 or accelerator.device.type == "cpu"  # NCCL sums no sparse gradients
        by_row = mixture.untied_tables() if spec.embeddings == "rows" and sums_rows else ()
        made = optimizers(mixture, by_row, spec.learning_rate, spec.weight_decay)
        self.warmup = round(spec.warmup_fraction * total)
        self._rates = [schedule(optimizer, spec.schedule, self.warmup, total) for optimizer in made]
        self._module, *self._optimizers = accelerator.prepare(mixture, *made)

    def __call__(self, parts: Sequence[tuple[Batch, Outputs]]) -> dict[str, Tensor]:
        """Update the network by one batch.

        Args:
            parts: This process's parts of the batch, each with the teacher's outputs. Every part's terms are weighed by
                its share of what they are means over, so that the sum over parts and processes is the batch's loss.

        Returns:
            `loss` and its terms: this process's share of them.
        """
        sums: dict[str, Tensor] = {}
        for number, (batch, answers) in enumerate(parts, start=1):
            with self._quiet() if number < len(parts) else nullcontext():
                with self._accelerator.autocast():
                    terms = self._module(batch, answers)
                # Processes average their gradients, where shares want the sum.
                self._accelerator.backward(terms["loss"] * self._accelerator.num_processes)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0) + value.detach()
        self._clip(self._module.parameters())
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            optimizer.step()
            rate.step()
            optimizer.zero_grad(set_to_none=True)
        return sums

    def _quiet(self) -> Any:
        """Gradients stay in this process until the last part."""
        return self._accelerator.no_sync(self._module)

    def _clip(self, parameters: Iterable[nn.Parameter]) -> None:
        if len(self._optimizers) == 1:
            self._accelerator.clip_grad_norm_(parameters, self._spec.clip_norm)  # knows sharded parameters too
            return
        self._accelerator.unscale_gradients()
        clip(parameters, self._spec.clip_norm)

"""A network's input made by another one: a small masked language model fills hidden words in (ELECTRA's generator).

It is trained beside the network, by a mixture of its own, and then dropped. No gradient goes from the network to it, as
what it puts in is drawn.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from limbeck.engine.mixture import Mixture
from limbeck.nn.types import Batch, Outputs
from limbeck.nn.vocabulary import drawn


class Filling(nn.Module):
    """Turns texts with hidden words into texts with other words, of which each is asked whether it is another.

    Args:
        mixture: The generator with its loss.
    """

    def __init__(self, mixture: Mixture) -> None:
        super().__init__()
        self.mixture = mixture

    def forward(self, batch: Batch) -> tuple[Batch, Tensor]:
        """The texts filled in, every token an item; and the generator's loss, this batch's share of it."""
        terms, answers, _ = self.mixture.run(batch, Outputs())
        assert answers.vocabulary is not None
        assert batch.chances is not None
        put_in = drawn(answers.vocabulary, batch.chances)
        ids = batch.input_ids.index_copy(0, batch.items, put_in)
        other = torch.zeros(len(ids), 1, device=ids.device)
        other[batch.items, 0] = (put_in != batch.targets).float()
        share = batch.shares["tokens"]
        items = torch.arange(len(ids), device=ids.device)
        shares = {**batch.shares, "items": share, "labelled": share}
        return replace(batch, input_ids=ids, items=items, targets=other, shares=shares, chances=None), terms["loss"]

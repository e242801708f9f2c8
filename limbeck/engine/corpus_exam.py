"""An exam on documents held out: the questions of the training, about texts that it does not see."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import torch

from limbeck.engine.corpus import CorpusRows
from limbeck.engine.mixture import Mixture
from limbeck.engine.teacher_cache import Teacher
from limbeck.nn.types import Batch, Moment, Outputs
from limbeck.nn.vocabulary import top_k

_PART_TOKENS = 8192


class CorpusExam:
    """What is asked of a network in its training, asked about documents that it is not trained on; always the same.

    The last weights are kept: by then the rate has fallen to 0, and a corpus that is gone through once or twice is not
    learnt by heart.

    Args:
        mixture: The network and its objectives.
        rows: The documents held out.
        teacher: Where the teacher's outputs come from; None if no objective reads any.
    """

    def __init__(self, mixture: Mixture, rows: CorpusRows, teacher: Teacher | None) -> None:
        self.primary = "loss"
        self._mixture, self._rows, self._teacher = mixture, rows, teacher
        self._parts = math.ceil(rows.token_count(range(len(rows))) / _PART_TOKENS)

    @torch.no_grad()
    def scores(self) -> dict[str, float]:
        """The loss and its terms, and which part of the answers is right."""
        device = next(self._mixture.parameters()).device
        losses: Counter[str] = Counter()
        right: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        self._mixture.eval()  # each epoch puts the network back into its own mode
        for part in self._rows.parts(range(len(self._rows)), self._parts, device):
            batch = replace(part, moment=Moment(progress=1.0))
            taught = Outputs() if self._teacher is None else self._teacher.outputs(batch)
            terms, outputs, answered = self._mixture.run(batch, taught)
            losses.update({name: value.item() for name, value in terms.items()})
            for name, (hits, count) in _answers(outputs, answered).items():
                right[name] += hits
                asked[name] += count
        shares = {name: right[name] / count for name, count in asked.items() if count}
        return {**(losses if len(losses) > 2 else {"loss": losses["loss"]}), **shares}

    def decides(self, scores: Mapping[str, float | None]) -> None:
        """The last weights are kept."""


def _answers(outputs: Outputs, batch: Batch) -> dict[str, tuple[int, int]]:
    """Of each kind of question how many answers are right, of how many.

    Of replaced tokens also how many of those called replaced are so, and how many of those that are so are called so.
    """
    found: dict[str, tuple[int, int]] = {}
    if outputs.vocabulary is not None:
        known = int((batch.targets >= 0).sum())
        first, fifth = top_k(outputs.vocabulary, batch.targets, ks=(1, 5)).tolist()
        found |= {"accuracy": (first, known), "top_5": (fifth, known)}
    if outputs.relation is not None and batch.relations is not None:
        hits = outputs.relation.argmax(1) == batch.relations
        found["pair_accuracy"] = (int(hits.sum()), int((batch.relations >= 0).sum()))
    if outputs.logits is not None:
        called, replaced = outputs.logits > 0, batch.targets > 0
        both = int((called & replaced).sum())
        found["replaced_accuracy"] = (int((called == replaced).sum()), called.numel())
        found |= {"replaced_precision": (both, int(called.sum())), "replaced_recall": (both, int(replaced.sum()))}
    return found

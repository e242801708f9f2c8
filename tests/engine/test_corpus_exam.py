"""Scores on documents held out."""

from dataclasses import replace

import torch

from limbeck.engine.corpus_exam import CorpusExam
from limbeck.engine.mixture import Mixture
from limbeck.nn.types import Outputs
from tests.engine.test_corpus import WORDS, corpus_rows


class Calls(Mixture):
    """Every third token was replaced; every second one is called so, or none."""

    def __init__(self, *, any_called: bool) -> None:
        torch.nn.Module.__init__(self)  # no network answers
        self.weight, self._any = torch.nn.Parameter(torch.zeros(1)), any_called

    def run(self, batch, taught):
        places = torch.arange(len(batch.input_ids))
        replaced, called = places % 3 == 0, (places % 2 == 0) & self._any
        logits = (2 * called.float() - 1)[:, None]
        return (
            {"loss": torch.zeros(())},
            Outputs(logits=logits),
            replace(batch, items=places, targets=replaced.float()[:, None]),
        )


def test_of_replaced_tokens_precision_and_recall_are_told():
    rows = corpus_rows(words=WORDS)
    tokens = rows.token_count(range(len(rows)))
    replaced, called, both = (len(range(0, tokens, step)) for step in (3, 2, 6))
    scores = CorpusExam(Calls(any_called=True), rows, None).scores()
    assert scores["replaced_precision"] == both / called
    assert scores["replaced_recall"] == both / replaced
    assert scores["replaced_accuracy"] == 1 - (called + replaced - 2 * both) / tokens


def test_a_model_that_calls_none_replaced_finds_none():
    scores = CorpusExam(Calls(any_called=False), corpus_rows(words=WORDS), None).scores()
    assert scores["replaced_accuracy"] > 0.6
    assert scores["replaced_recall"] == 0
    assert "replaced_precision" not in scores

"""Scorers of both formats."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from limbeck.core.shelf import shelf
from limbeck.engine.score import TorchScorer, dev_score, predict_split, torch_threads
from limbeck.nn.model import tapped
from limbeck.text.encode import Encoder
from limbeck.text.port import Example
from tests.makers import tiny_tokenizer

EXAMPLES = [
    Example("good film", None, "good"),
    Example("a very very very bad film", None, "bad"),
    Example("the", None, None),
]


@pytest.fixture
def scorer():
    tasks = shelf("tasks")
    task = tasks.build(tasks.spec("text_classification")(), ("bad", "good", "mixed"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=3,
    )
    model = tapped(BertForSequenceClassification(config), per_word=False)
    return TorchScorer(model, task, Encoder(tiny_tokenizer(), 32)), task, model


def test_answers_do_not_depend_on_company(scorer):
    both = scorer[0].logits(EXAMPLES)
    alone = [scorer[0].logits([e])[0] for e in EXAMPLES]
    for a, b in zip(both, alone, strict=True):
        torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-5, atol=1e-6)


def test_scoring_leaves_the_training_mode_as_it_was(scorer):
    scorer[2].network.train()
    first = scorer[0].logits(EXAMPLES)
    assert scorer[2].network.training
    assert (first[0] == scorer[0].logits(EXAMPLES)[0]).all()


def test_predictions_stand_beside_their_targets(scorer):
    found = predict_split(scorer[0], scorer[1], EXAMPLES)
    assert found.targets.tolist() == [1, 0, -1]
    assert found.probabilities.sum(1) == pytest.approx(1)
    assert 0 <= dev_score(scorer[0], scorer[1], EXAMPLES)["accuracy"] <= 1


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before

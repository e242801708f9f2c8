"""The way from examples to logits, with a model whose answer can be written down."""

import numpy as np
import pytest

from limbeck.text import infer as module
from limbeck.text.encode import Encoder
from limbeck.text.infer import infer
from limbeck.text.port import Example
from tests.makers import tiny_tokenizer


class Sentences:
    labels = ("sum", "length")
    per_word = False

    def encode(self, examples, encoder):
        return [[e] for e in encoder.texts([x.text for x in examples])]


class Words:
    labels = ("O", "id")
    per_word = True

    def encode(self, examples, encoder):
        return encoder.words([x.text for x in examples])


def whole(arrays):
    ids = arrays["input_ids"] * arrays["attention_mask"]
    return np.stack([ids.sum(1), arrays["attention_mask"].sum(1)], axis=1)


def per_token(arrays):
    return np.stack([np.zeros_like(arrays["input_ids"]), arrays["input_ids"]], axis=2)


@pytest.fixture
def encoder():
    return Encoder(tiny_tokenizer(), 16)


@pytest.mark.parametrize("token_budget", [1, 20, 10_000])
def test_answers_come_in_the_order_given(encoder, token_budget):
    texts = ["good", "the film is very bad", "", "not good film"] * 3
    answers = infer(Sentences(), encoder, [Example(t) for t in texts], whole, token_budget)
    assert [a.tolist() for a in answers] == [[[sum(e.ids), len(e)]] for e in encoder.texts(texts)]


def test_batches_stay_within_the_budget(encoder):
    shapes = []

    def run(arrays):
        shapes.append(arrays["input_ids"].shape)
        return whole(arrays)

    infer(Sentences(), encoder, [Example("good film " * n) for n in range(1, 8)], run, 32)
    assert sum(rows for rows, _ in shapes) == 7
    assert all(rows * length <= 32 for rows, length in shapes)


def test_each_word_gets_the_logits_of_its_first_piece(encoder):
    [answer] = infer(Words(), encoder, [Example(["Anna", "visitedx", "Oslo"])], per_token)
    known = tiny_tokenizer().get_vocab()
    assert answer[:, 1].tolist() == [known["anna"], known["visited"], known["oslo"]]


def test_long_sentences_are_stitched_from_their_windows(encoder):
    words = ["anna", "visited", "oslo", "and", "lima"] * 30
    [long] = infer(Words(), encoder, [Example(words)], per_token, 64)
    short = [infer(Words(), encoder, [Example([w])], per_token)[0][0] for w in words]
    assert np.array_equal(long, np.stack(short))


def test_a_word_without_a_position_is_label_0(encoder):
    [answer] = infer(Words(), encoder, [Example(["anna", "\x00", "oslo"])], per_token)
    assert answer[1].argmax() == 0
    assert answer[1, 0] > answer[1, 1]
    assert answer[2, 1] == tiny_tokenizer().token_to_id("oslo")


def test_a_sentence_without_words_has_no_items(encoder):
    answers = infer(Words(), encoder, [Example([]), Example(["anna"])], per_token)
    assert [a.shape for a in answers] == [(0, 2), (1, 2)]


def test_no_examples_no_answers(encoder):
    assert infer(Sentences(), encoder, [], whole) == []


def test_only_a_chunk_is_encoded_at_a_time(encoder, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_EXAMPLES", 4)
    seen = []

    class Watched(Sentences):
        def encode(self, examples, encoder):
            seen.append(len(examples))
            return super().encode(examples, encoder)

    assert len(infer(Watched(), encoder, [Example("good")] * 10, whole)) == 10
    assert seen == [4, 4, 2]

"""What is hidden: the part that was asked for, by words, by weight, whatever stands beside it."""

import numpy as np
import pytest

from limbeck.text.draws import Draws
from limbeck.text.masking import choose
from limbeck.text.pretext import Passages


def passages(rows=40, length=50, begins=None):
    """Rows of `length` tokens of text between two special ones."""
    n = length + 2
    real = np.tile(np.r_[False, np.ones(length, bool), False], rows)
    begins = np.ones(rows * n, bool) if begins is None else np.tile(np.r_[True, begins, True], rows)
    return Passages(np.arange(rows * n), np.repeat(np.arange(rows), n), begins, real, np.arange(rows * n) * real)


@pytest.mark.parametrize("fraction", [0.02, 0.15, 0.5])
def test_each_row_hides_the_part_asked_for(fraction):
    texts = passages()
    hidden = choose(texts, fraction, Draws(0))
    assert not hidden[~texts.real].any()
    assert (np.bincount(texts.rows, hidden) == max(round(fraction * 50), 1)).all()


def test_a_row_of_one_token_hides_it():
    assert choose(passages(rows=1, length=1), 0.15, Draws(0)).tolist() == [False, True, False]


def test_a_row_without_text_hides_nothing():
    assert not choose(passages(rows=2, length=0), 0.15, Draws(0)).any()


def test_whole_words_are_hidden_together_and_never_too_many():
    begins = np.tile([True, False, False, True, False], 10)
    texts = passages(begins=begins)
    hidden = choose(texts, 0.2, Draws(1), whole_words=True)
    words = np.cumsum(texts.begins)
    for word in np.unique(words[texts.real]):
        assert len(set(hidden[(words == word) & texts.real].tolist())) == 1
    counts = np.bincount(texts.rows, hidden)
    assert counts.max() <= 10
    assert counts.mean() > 8


def test_a_word_longer_than_the_budget_is_hidden_rather_than_nothing():
    texts = passages(rows=1, length=10, begins=np.arange(10) == 0)
    assert choose(texts, 0.15, Draws(0), whole_words=True).sum() == 10


def test_weights_decide_how_often_a_token_is_hidden():
    texts = passages(rows=4000, length=20)
    weights = np.where(np.arange(len(texts.ids)) % 2, 3.0, 1.0)
    hidden = choose(texts, 0.05, Draws(0), weights=weights)  # one token of each row
    heavy = hidden[weights > 2].sum() / hidden.sum()
    assert abs(heavy - 0.75) < 0.03


def test_a_row_s_choice_does_not_depend_on_its_company():
    texts = passages(rows=6)
    whole = choose(texts, 0.15, Draws(2))
    one = texts.rows == 4
    alone = Passages(texts.ids[one], texts.rows[one] * 0, texts.begins[one], texts.real[one], texts.places[one])
    assert (choose(alone, 0.15, Draws(2)) == whole[one]).all()
    assert (choose(texts, 0.15, Draws(3)) != whole).any()

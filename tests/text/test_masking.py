"""What is hidden: the part that was asked for, by words, by weight, whatever stands beside it."""

from dataclasses import replace

import numpy as np
import pytest

from limbeck.text.draws import Draws
from limbeck.text.masking import choose
from limbeck.text.pretext import Passages

SPECIAL = np.array([0])


def passages(rows=40, length=50, begins=None):
    """Rows of `length` tokens of text between two special ones."""
    n = length + 2
    real = np.tile(np.r_[False, np.ones(length, bool), False], rows)
    begins = np.ones(rows * n, bool) if begins is None else np.tile(np.r_[True, begins, True], rows)
    return Passages(np.arange(rows * n), np.repeat(np.arange(rows), n), begins, real, np.arange(rows * n) * real)


@pytest.mark.parametrize("fraction", [0.02, 0.15, 0.5])
def test_each_row_hides_the_part_asked_for(fraction):
    texts = passages()
    hidden = choose(texts, fraction, Draws(0), SPECIAL)
    assert not hidden[~texts.real].any()
    assert (np.bincount(texts.rows, hidden) == max(round(fraction * 50), 1)).all()


def test_a_row_of_one_token_hides_it():
    assert choose(passages(rows=1, length=1), 0.15, Draws(0), SPECIAL).tolist() == [False, True, False]


def test_a_row_without_text_hides_nothing():
    assert not choose(passages(rows=2, length=0), 0.15, Draws(0), SPECIAL).any()


def test_whole_words_are_hidden_together_and_never_too_many():
    begins = np.tile([True, False, False, True, False], 10)
    texts = passages(begins=begins)
    hidden = choose(texts, 0.2, Draws(1), SPECIAL, whole_words=True)
    words = np.cumsum(texts.begins)
    for word in np.unique(words[texts.real]):
        assert len(set(hidden[(words == word) & texts.real].tolist())) == 1
    assert set(np.bincount(texts.rows, hidden).tolist()) <= {9, 10}  # of words of 3 and 2, one token may be left


def test_words_that_do_not_fit_are_passed_over():
    begins = np.r_[True, np.zeros(39, bool), np.ones(60, bool)]  # an address of 40 tokens among words of one
    texts = passages(rows=300, length=100, begins=begins)
    hidden = choose(texts, 0.15, Draws(0), SPECIAL, whole_words=True)
    assert (np.bincount(texts.rows, hidden) == 15).all()
    assert not hidden.reshape(300, -1)[:, 1:41].any()


def test_what_fits_is_taken_in_the_order_drawn_as_one_by_one():
    draw = np.random.default_rng(0)
    begins = np.r_[True, draw.random(199) < 0.3]
    texts = passages(rows=50, length=200, begins=begins)
    weights = draw.random(len(texts.ids)) + 0.1
    hidden = choose(texts, 0.3, Draws(0), SPECIAL, whole_words=True, weights=weights).reshape(50, -1)[:, 1:-1]
    word, places = np.cumsum(begins) - 1, texts.places.reshape(50, -1)[:, 1:-1]
    sizes = np.bincount(word)
    for row in range(50):
        heavy = np.bincount(word, weights.reshape(50, -1)[row, 1:-1]) / sizes
        room, wanted = 60, set()
        for one in np.argsort(-np.log1p(-Draws(0).uniform("hide", places[row][begins])) / heavy):
            if sizes[one] <= room:
                room -= sizes[one]
                wanted.add(one)
        assert set(word[hidden[row]].tolist()) == wanted


def test_a_word_longer_than_the_budget_is_hidden_rather_than_nothing():
    texts = passages(rows=1, length=10, begins=np.arange(10) == 0)
    assert choose(texts, 0.15, Draws(0), SPECIAL, whole_words=True).sum() == 10
    texts = passages(rows=9, length=20, begins=np.arange(20) % 10 == 0)
    hidden = choose(texts, 0.15, Draws(0), SPECIAL, whole_words=True)
    assert (np.bincount(texts.rows, hidden) == 10).all()  # one of both
    assert len({np.flatnonzero(hidden[texts.rows == r])[0] for r in range(9)}) == 2


def test_special_tokens_are_never_hidden_wherever_they_stand():
    texts = passages(rows=20)
    unknown = np.isin(texts.ids % 52, [1, 2, 30])
    texts = replace(texts, ids=np.where(unknown, 0, texts.ids), begins=texts.ids % 52 != 31)
    for whole_words in (False, True):
        hidden = choose(texts, 0.99, Draws(0), SPECIAL, whole_words=whole_words)
        assert not hidden[unknown].any()
        assert (np.bincount(texts.rows, hidden) == 47).all()
    assert not choose(replace(texts, ids=texts.ids * 0), 0.5, Draws(0), SPECIAL).any()


def test_weights_decide_how_often_a_token_is_hidden():
    texts = passages(rows=4000, length=20)
    weights = np.where(np.arange(len(texts.ids)) % 2, 3.0, 1.0)
    hidden = choose(texts, 0.05, Draws(0), SPECIAL, weights=weights)  # one token of each row
    heavy = hidden[weights > 2].sum() / hidden.sum()
    assert abs(heavy - 0.75) < 0.03


def test_a_row_s_choice_does_not_depend_on_its_company():
    texts = passages(rows=6)
    whole = choose(texts, 0.15, Draws(2), SPECIAL)
    one = texts.rows == 4
    alone = Passages(texts.ids[one], texts.rows[one] * 0, texts.begins[one], texts.real[one], texts.places[one])
    assert (choose(alone, 0.15, Draws(2), SPECIAL) == whole[one]).all()
    assert (choose(texts, 0.15, Draws(3), SPECIAL) != whole).any()

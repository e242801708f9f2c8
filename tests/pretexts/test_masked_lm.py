"""Masked language modelling: 80 / 10 / 10, whole words, rare words."""

import numpy as np
import pytest

from limbeck.core.errors import RecipeError
from limbeck.core.shelf import shelf
from limbeck.pretexts.masked_lm import Spec, build
from limbeck.text.draws import Draws
from limbeck.text.pretext import Lexicon, Passages
from tests import corpora


def texts(ids):
    n = len(ids)
    return Passages(ids, np.repeat(np.arange(n // 100), 100), ids % 3 > 0, np.ones(n, bool), np.arange(n))


def ids(n=200_000):
    return np.random.default_rng(0).integers(5, corpora.SIZE, n)


def test_of_the_hidden_tokens_most_are_masked_some_exchanged_and_some_left():
    before = ids()
    asked = build(Spec(), corpora.lexicon()).ask(texts(before), Draws(0))
    now, was = asked.ids[asked.hidden], before[asked.hidden]
    assert asked.hidden.mean() == pytest.approx(0.15)
    assert (now == corpora.MASK).mean() == pytest.approx(0.8, abs=0.01)
    # Of 10 % drawn from 55 ordinary tokens one in 55 is the same again.
    assert (now == was).mean() == pytest.approx(0.1 + 0.1 / 55, abs=0.01)
    others = now[(now != corpora.MASK) & (now != was)]
    assert set(others.tolist()) == set(range(5, corpora.SIZE))


def test_rare_tokens_are_hidden_more_often():
    counts = np.where(np.arange(corpora.SIZE) < 30, 1000, 10)
    lexicon = Lexicon(corpora.SIZE, corpora.MASK, corpora.SPECIAL, counts)
    asked = build(Spec(rarity=0.7, fraction=0.01), lexicon).ask(texts(ids()), Draws(0))
    rare = (ids() >= 30) & asked.hidden
    common = (ids() < 30) & asked.hidden
    odds = rare.sum() / (ids() >= 30).sum() / (common.sum() / (ids() < 30).sum())
    assert odds == pytest.approx(100**0.7, rel=0.25)


def test_whole_words_are_hidden_whole():
    before = ids(10_000)
    asked = build(Spec(whole_words=True), corpora.lexicon()).ask(texts(before), Draws(0))
    begins = (before % 3 > 0) | (np.arange(len(before)) % 100 == 0)
    word = np.cumsum(begins)
    assert (np.bincount(word, asked.hidden) % np.maximum(np.bincount(word), 1) == 0).all()


def test_more_than_the_whole_is_refused():
    with pytest.raises(RecipeError, match=r"parts of one whole \(found 0.8 \+ 0.3 > 1\)"):
        shelf("pretexts").parse({"kind": "masked_lm", "random": 0.3}, "pretrain.pretexts[0]")

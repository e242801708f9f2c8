"""Sentence order prediction: both texts are whole sentences, one after the other or exchanged."""

import itertools

import numpy as np

from limbeck.pretexts import sentence_order
from limbeck.text.draws import Draws
from limbeck.text.pretext import Runs
from tests import corpora

CORPUS = corpora.small(seed=3, documents=60)
ORDER = sentence_order.build(sentence_order.Spec(), corpora.lexicon())
ROOM = 24


def pairs():
    bounds = itertools.pairwise(CORPUS.document_starts)
    cut = [(at, min(ROOM, b - at)) for a, b in bounds for at in range(a, b, ROOM) if b - at >= 8]
    return ORDER.pair(Runs(*np.array(cut).T), ROOM, CORPUS, Draws(seed=0))


def test_texts_follow_one_another_or_are_exchanged():
    front, back, exchanged = pairs()
    ends = np.where(exchanged == 1, back.starts + back.lengths, front.starts + front.lengths)
    assert (ends == np.where(exchanged == 1, front.starts, back.starts)).all()
    assert 0.4 < exchanged[exchanged >= 0].mean() < 0.6


def test_all_that_are_asked_about_are_whole_sentences():
    front, back, exchanged = pairs()
    borders = [*CORPUS.sentence_starts.tolist(), CORPUS.tokens]
    places = np.stack([front.starts, front.starts + front.lengths, back.starts, back.starts + back.lengths], 1)
    asked = exchanged >= 0
    assert np.isin(places[asked], borders).all()
    assert asked.mean() > 0.8

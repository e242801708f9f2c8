import itertools

import numpy as np

from limbeck.pretexts import sentence_order
from limbeck.text.draws import Draws
from limbeck.text.pretext import Runs
from tests import corpora

CORPUS = corpora.small(seed=3, documents=60)
ORDER = sentence_order.build(sentence_order.Spec(), corpora.lexicon())


def pieces(length=24):
    """Every document cut into pieces, as for training, and each piece in two anywhere."""
    bounds = itertools.pairwise(CORPUS.document_starts)
    cut = [(at, min(length, b - at)) for a, b in bounds for at in range(a, b, length) if b - at > 1]
    starts, lengths = (np.array(column) for column in zip(*cut, strict=True))
    return Runs(starts, lengths // 2), Runs(starts + lengths // 2, lengths - lengths // 2)


def test_texts_follow_one_another_or_are_exchanged():
    first, second = pieces()
    front, back, exchanged = ORDER.pair(first, second, CORPUS, Draws(seed=0))
    ends = np.where(exchanged == 1, back.starts + back.lengths, front.starts + front.lengths)
    assert (ends == np.where(exchanged == 1, front.starts, back.starts)).all()
    assert (np.minimum(front.lengths, back.lengths) > 0).all()
    assert 0.4 < exchanged.mean() < 0.6


def test_borders_do_not_tell_the_order():
    """Where a piece has enough sentences both texts are whole ones; else each is cut where they meet."""
    first, second = pieces()
    borders = {*CORPUS.sentence_starts.tolist(), CORPUS.tokens}
    stops = second.starts + second.lengths
    inside = [len(borders.intersection(range(a, b + 1))) for a, b in zip(first.starts, stops, strict=True)]
    front, back, _ = ORDER.pair(first, second, CORPUS, Draws(seed=0))
    places = np.stack([front.starts, front.starts + front.lengths, back.starts, back.starts + back.lengths], 1)
    at = np.isin(places, list(borders))
    enough = np.array(inside) > 3
    assert at[enough].all()
    assert enough.mean() > 0.5
    ends = at[:, [1, 3]]
    assert abs((ends[:, 0] > ends[:, 1]).mean() - (ends[:, 0] < ends[:, 1]).mean()) < 0.1

"""Next sentence prediction: the other text is of another document and begins where a sentence does."""

import numpy as np

from limbeck.pretexts.next_sentence import Spec, build
from limbeck.text.draws import Draws
from limbeck.text.pretext import Runs
from tests import corpora

CORPUS = corpora.small(documents=40)
ROOM = 24


def pairs(corpus, turn=0, **fields):
    bounds = corpus.document_starts
    windows = Runs(bounds[:-1], np.minimum(np.diff(bounds), ROOM))
    return build(Spec(**fields), corpora.lexicon()).pair(windows, ROOM, corpus, Draws(0, turn))


def test_the_other_text_is_of_another_document_and_begins_a_sentence():
    first, second, truth = pairs(CORPUS)
    own, other = (np.searchsorted(CORPUS.document_starts, r.starts, side="right") for r in (first, second))
    assert ((own != other) == (truth == 1)).all()
    assert set(second.starts[truth >= 0].tolist()) <= set(CORPUS.sentence_starts.tolist())


def test_half_are_exchanged_or_as_many_as_is_wanted():
    for wanted, fields in ((0.5, {}), (0.2, {"random": 0.2})):
        truth = np.concatenate([pairs(CORPUS, turn, **fields)[2] for turn in range(20)])
        assert abs(truth[truth >= 0].mean() - wanted) < 0.07


def test_a_corpus_of_one_document_has_no_other_and_nothing_to_ask():
    first, second, truth = pairs(corpora.small(documents=1))
    assert truth.tolist() == [-1]
    assert (first.starts + first.lengths).tolist() == second.starts.tolist()

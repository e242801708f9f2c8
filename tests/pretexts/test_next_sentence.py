"""Next sentence prediction: the other text is of another document and begins where a sentence does."""

import numpy as np

from limbeck.pretexts.next_sentence import Spec, build, elsewhere
from limbeck.text.draws import Draws
from limbeck.text.pretext import Runs
from tests import corpora

CORPUS = corpora.small(documents=12)


def test_the_other_text_is_never_of_the_same_document_and_begins_a_sentence():
    bounds = CORPUS.document_starts
    first = Runs(np.tile(bounds[:-1], 50), np.full(12 * 50, 3))
    wanted = np.full(len(first.starts), 6)
    found = elsewhere(first, wanted, CORPUS, Draws(0))
    own, other = (np.searchsorted(bounds, r.starts, side="right") for r in (first, found))
    assert (own != other).all()
    assert set(found.starts.tolist()) <= set(CORPUS.sentence_starts.tolist())
    assert (found.lengths <= 6).all()


def test_half_are_exchanged():
    starts = np.arange(CORPUS.tokens - 4)
    _, _, truth = build(Spec(), corpora.lexicon()).pair(
        Runs(starts, starts * 0 + 1), Runs(starts + 1, starts * 0 + 1), CORPUS, Draws(0)
    )
    assert abs(truth.mean() - 0.5) < 0.1


def test_a_corpus_of_one_document_has_no_other():
    alone = corpora.small(documents=1)
    one = Runs(np.array([0, 2]), np.array([2, 2]))
    _, second, truth = build(Spec(), corpora.lexicon()).pair(one, Runs(one.starts + 2, one.lengths), alone, Draws(0))
    assert truth.tolist() == [0, 0]
    assert second.starts.tolist() == [2, 4]

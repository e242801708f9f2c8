"""Every file on the pretexts shelf keeps the promises of `text.pretext`."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from limbeck.core.shelf import shelf
from limbeck.text.draws import Draws
from limbeck.text.pretext import PairPretext, Passages, Runs, WordPretext
from tests import corpora

NAMES = shelf("pretexts").names()
CORPUS = corpora.small()


def built(name):
    return shelf("pretexts").build(shelf("pretexts").spec(name)(), corpora.lexicon(CORPUS))


WORDS = [name for name in NAMES if shelf("pretexts").load(name).ABOUT == "words"]
PAIRS = [name for name in NAMES if shelf("pretexts").load(name).ABOUT == "pairs"]


def passages():
    """Each document a row, between two special tokens."""
    bounds = CORPUS.document_starts
    ids, rows, places = [], [], []
    for row, (a, b) in enumerate(itertools.pairwise(bounds)):
        ids += [1, *CORPUS.ids[a:b], 2]
        places += [0, *range(a, b), 0]
        rows += [row] * (b - a + 2)
    ids = np.array(ids)
    return Passages(ids, np.array(rows), ids % 3 > 0, ids > 4, np.array(places))


def runs():
    """Of each document the first half and the second."""
    bounds = CORPUS.document_starts
    middle = (bounds[:-1] + bounds[1:]) // 2
    return Runs(bounds[:-1], middle - bounds[:-1]), Runs(middle, bounds[1:] - middle)


def test_all_are_about_words_or_pairs():
    assert sorted(WORDS + PAIRS) == sorted(NAMES)
    assert all(isinstance(built(name), WordPretext) for name in WORDS)
    assert all(isinstance(built(name), PairPretext) for name in PAIRS)


@pytest.mark.parametrize("name", NAMES)
def test_names_its_source(name):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", shelf("pretexts").load(name).__doc__)


@pytest.mark.parametrize("name", WORDS)
def test_what_is_not_hidden_stays_and_special_tokens_are_never_hidden(name):
    texts = passages()
    asked = built(name).ask(texts, Draws(0))
    assert asked.hidden.any()
    assert not asked.hidden[~texts.real].any()
    assert (asked.ids[~asked.hidden] == texts.ids[~asked.hidden]).all()
    assert ((asked.ids >= 0) & (asked.ids < corpora.SIZE)).all()


@pytest.mark.parametrize("name", WORDS)
def test_unknown_text_is_neither_asked_for_nor_put_in(name):
    texts = passages()
    unknown = texts.real & (texts.places % 4 > 0)
    texts = replace(texts, ids=np.where(unknown, corpora.UNKNOWN, texts.ids))
    for turn in range(20):
        asked = built(name).ask(texts, Draws(0, turn))
        assert asked.hidden.any()
        assert not asked.hidden[unknown].any()
        assert (asked.ids[unknown] == corpora.UNKNOWN).all()
        assert not (asked.ids[texts.real & ~unknown] == corpora.UNKNOWN).any()


@pytest.mark.parametrize("name", WORDS)
def test_a_row_is_asked_the_same_in_whatever_company_and_another_thing_in_another_turn(name):
    texts, pretext = passages(), built(name)
    whole = pretext.ask(texts, Draws(0))
    mine = texts.rows == 3
    alone = pretext.ask(
        Passages(texts.ids[mine], texts.rows[mine] * 0, texts.begins[mine], texts.real[mine], texts.places[mine]),
        Draws(0),
    )
    assert (alone.ids == whole.ids[mine]).all()
    assert (alone.hidden == whole.hidden[mine]).all()
    assert (pretext.ask(texts, Draws(0, turn=1)).hidden != whole.hidden).any()


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_called_right_is_as_the_corpus_has_it_and_the_rest_is_not(name):
    first, second = runs()
    seen = set()
    for turn in range(20):
        a, b, truth = built(name).pair(first, second, CORPUS, Draws(0, turn))
        kept = (a.starts >= first.starts) & (a.starts + a.lengths == b.starts)
        assert (kept == (truth == 0)).all()
        assert (a.lengths + b.lengths <= first.lengths + second.lengths).all()
        for runs_ in (a, b):
            assert (runs_.lengths >= 1).all()
            document = np.searchsorted(CORPUS.document_starts, runs_.starts, side="right")
            assert (runs_.starts + runs_.lengths <= CORPUS.document_starts[document]).all()
        seen |= set(truth.tolist())
    assert seen == {0, 1}


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_is_drawn_alike_in_whatever_company(name):
    first, second = runs()
    whole = built(name).pair(first, second, CORPUS, Draws(5))
    one = [Runs(r.starts[2:3], r.lengths[2:3]) for r in (first, second)]
    alone = built(name).pair(*one, CORPUS, Draws(5))
    assert [alone[0].starts[0], alone[1].starts[0], alone[2][0]] == [
        whole[0].starts[2],
        whole[1].starts[2],
        whole[2][2],
    ]

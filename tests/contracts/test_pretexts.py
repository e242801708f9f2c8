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


ROOM = 24


def windows(corpus=CORPUS):
    """Each document cut into pieces, as for training."""
    cut = [(at, min(ROOM, b - at)) for a, b in itertools.pairwise(corpus.document_starts) for at in range(a, b, ROOM)]
    return Runs(*np.array([(at, length) for at, length in cut if length >= 8]).T)


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
    seen = set()
    for turn in range(20):
        a, b, truth = built(name).pair(windows(), ROOM, CORPUS, Draws(0, turn))
        follows = a.starts + a.lengths == b.starts
        assert follows[truth < 1].all()
        assert not follows[truth == 1].any()
        assert (a.lengths + b.lengths <= ROOM).all()
        for runs in (a, b):
            assert (runs.lengths >= 1).all()
            document = np.searchsorted(CORPUS.document_starts, runs.starts, side="right")
            assert (runs.starts + runs.lengths <= CORPUS.document_starts[document]).all()
        seen |= set(truth.tolist())
    assert seen >= {0, 1}


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_is_drawn_alike_in_whatever_company(name):
    pieces = windows()
    whole = built(name).pair(pieces, ROOM, CORPUS, Draws(5))
    alone = built(name).pair(Runs(pieces.starts[2:3], pieces.lengths[2:3]), ROOM, CORPUS, Draws(5))
    assert [alone[0].starts[0], alone[1].starts[0], alone[2][0]] == [
        whole[0].starts[2],
        whole[1].starts[2],
        whole[2][2],
    ]


@pytest.mark.parametrize("sentences", [(1, 2), (2, 5), (20, 40)], ids=["titles", "reviews", "articles"])
@pytest.mark.parametrize("name", PAIRS)
def test_where_texts_are_cut_does_not_tell_the_answer(name, sentences):
    """Half of the pairs teach which pattern of borders, fullness and shortness has which answer, the others ask."""
    corpus = corpora.small(seed=1, documents=4000 // sum(sentences), sentences=sentences)
    borders = [*corpus.sentence_starts.tolist(), corpus.tokens]
    patterns, answers = [], []
    for turn in range(8):
        a, b, truth = built(name).pair(windows(corpus), ROOM, corpus, Draws(0, turn))
        edges = [np.isin(at, borders) for r in (a, b) for at in (r.starts, r.starts + r.lengths)]
        features = np.stack([*edges, a.lengths + b.lengths == ROOM, b.lengths < ROOM // 4, a.lengths < b.lengths], 1)
        patterns.append((features @ (1 << np.arange(features.shape[1])))[truth >= 0])
        answers.append(truth[truth >= 0])
    pattern, answer = np.concatenate(patterns), np.concatenate(answers)
    if sentences == (1, 2):
        assert not len(answer)
        return
    taught = np.arange(len(answer)) % 2 == 0
    ones = np.bincount(pattern[taught], answer[taught], minlength=128)
    guesses = ones / np.maximum(np.bincount(pattern[taught], minlength=128), 1) > 0.5
    assert (guesses[pattern[~taught]] == answer[~taught]).mean() < 0.56
    assert len(answer) > 0.5 * 8 * len(windows(corpus).starts)

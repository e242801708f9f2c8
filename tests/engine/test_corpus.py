"""Rows of a corpus: every token in its place, whatever is asked, however batches are cut."""

import itertools

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from limbeck.core.errors import DataError
from limbeck.engine.corpus import CorpusRows, Questions, Rounds
from limbeck.pretexts import masked_lm, next_sentence, sentence_order
from limbeck.text.encode import Encoder
from tests import corpora

CPU = torch.device("cpu")
CLS, SEP = 1, 2
CORPUS = corpora.small(documents=9)


def encoder(max_length=16):
    names = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *map(chr, range(97, 123))]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    return Encoder(tokenizer, max_length)


def rows_of(batch):
    return [part.tolist() for part in torch.split(batch.input_ids, batch.lengths)]


WORDS = masked_lm.build(masked_lm.Spec(), corpora.lexicon())
NEXT = next_sentence.build(next_sentence.Spec(), corpora.lexicon())
ORDER = sentence_order.build(sentence_order.Spec(), corpora.lexicon())


def corpus_rows(corpus=CORPUS, max_length=16, **questions):
    return CorpusRows(corpus, encoder(max_length), Questions(**questions), seed=0)


def test_rows_are_the_documents_cut_in_order():
    rows = corpus_rows()
    batch = rows.batch(range(len(rows)), CPU)
    texts = dict(zip(batch.rows.tolist(), rows_of(batch), strict=True))
    bounds, expected = CORPUS.document_starts, []
    for a, b in itertools.pairwise(bounds):
        expected += [CORPUS.ids[i : min(i + 14, b)].tolist() for i in range(a, b, 14) if b - i >= 8]
    assert [texts[i] for i in range(len(rows))] == [[CLS, *row, SEP] for row in expected]
    assert rows.token_count(range(len(rows))) == len(batch.input_ids)
    assert rows.left_out == pytest.approx(1 - sum(map(len, expected)) / CORPUS.tokens)
    assert rows.left_out > 0


def test_hidden_words_are_asked_for_where_they_stood():
    rows = corpus_rows(words=WORDS)
    plain = corpus_rows().batch(range(len(rows)), CPU)
    batch = rows.batch(range(len(rows)), CPU)
    assert (batch.targets == plain.input_ids[batch.items]).all()
    rest = torch.ones(len(batch.input_ids), dtype=torch.bool)
    rest[batch.items] = False
    assert (batch.input_ids[rest] == plain.input_ids[rest]).all()
    assert 0.1 < len(batch.items) / len(batch.input_ids) < 0.2


def test_every_token_may_be_asked_for():
    batch = corpus_rows(words=WORDS, every_token=True).batch(range(5), CPU)
    few = corpus_rows(words=WORDS).batch(range(5), CPU)
    assert batch.items.tolist() == list(range(len(batch.input_ids)))
    assert (batch.targets >= 0).nonzero()[:, 0].tolist() == few.items.tolist()


@pytest.mark.parametrize("pretext", [NEXT, ORDER])
def test_pairs_have_two_texts_of_two_types(pretext):
    rows = corpus_rows(pairs=pretext)
    batch = rows.batch(range(len(rows)), CPU)
    types = torch.split(batch.token_type_ids, batch.lengths)
    for row, kind in zip(rows_of(batch), types, strict=True):
        assert row[0] == CLS
        assert row[-1] == SEP
        assert row.count(SEP) == 2
        first = row.index(SEP) + 1
        assert kind.tolist() == [0] * first + [1] * (len(row) - first)
    assert set(batch.relations.tolist()) >= {0, 1}


def test_pairs_are_filled_as_far_as_their_documents_go():
    """What follows as in the corpus begins with the sentence that the piece begins in, and fills the row."""
    rows = corpus_rows(pairs=NEXT)
    batch = rows.batch(range(len(rows)), CPU)
    texts = [row for row, other in zip(rows_of(batch), batch.relations.tolist(), strict=True) if other < 1]
    flat = [" ".join(map(str, (t for t in row if t > 4))) for row in texts]
    corpus = " ".join(map(str, CORPUS.ids.tolist()))
    assert all(text in corpus for text in flat)
    assert np.mean([len(row) == 16 for row in texts]) > 0.5


def test_it_is_known_whether_pairs_can_be_asked_about():
    assert corpus_rows(pairs=NEXT).relates
    assert not corpus_rows(corpora.small(documents=1), pairs=NEXT).relates
    assert not corpus_rows(corpora.small(documents=30, sentences=(1, 2)), max_length=12, pairs=ORDER).relates


@pytest.mark.parametrize("pairs", [None, NEXT, ORDER])
def test_parts_are_the_whole(pairs):
    rows = corpus_rows(words=WORDS, pairs=pairs)
    numbers = [0, 3, 5, len(rows) + 3, 2 * len(rows) + 1]
    whole, parts = rows.batch(numbers, CPU), rows.parts(numbers, 3, CPU)
    assert sorted(r for p in parts for r in rows_of(p)) == sorted(rows_of(whole))
    assert sorted(t for p in parts for t in p.targets.tolist()) == sorted(whole.targets.tolist())
    for unit in whole.shares:
        there = unit != "related" or (whole.relations >= 0).any()
        assert sum(p.shares[unit] for p in parts) == pytest.approx(float(there))


def test_more_parts_than_rows_leave_some_without_a_share():
    parts = corpus_rows(words=WORDS).parts([0, 1], 3, CPU)
    assert [round(p.shares["rows"], 2) for p in parts] == [0.5, 0.5, 0]


def test_another_turn_hides_other_words_and_the_same_turn_the_same():
    rows = corpus_rows(words=WORDS)
    one, again, later = (rows.batch(numbers, CPU) for numbers in ([1, 2], [2, 1], [len(rows) + 1, len(rows) + 2]))
    assert rows_of(one) == rows_of(again)
    assert rows_of(one) != rows_of(later)


def test_texts_alone_have_an_item_each():
    batch = corpus_rows().batch([0, 1, 2], CPU)
    assert batch.items.tolist() == np.cumsum([0, *batch.lengths[:-1]]).tolist()
    assert batch.targets.tolist() == [-1] * 3


def test_a_corpus_of_scraps_is_refused():
    with pytest.raises(DataError, match="no document of at least 8 tokens"):
        corpus_rows(corpora.Small([[[5, 6, 7]]]))


def test_rounds_go_through_the_corpus_before_they_begin_it_anew():
    rows = corpus_rows()
    rounds = Rounds(rows, steps=7, every=3, batch_size=8, seed=1)
    assert (rounds.epochs, [rounds.before(e) for e in range(4)]) == (3, [0, 3, 6, 7])
    batches = [batch for epoch in range(3) for batch in rounds.batches(epoch)]
    assert [len(batch) for batch in batches] == [8] * 7
    seen = [number for batch in batches for number in batch]
    turns = [number // len(rows) for number in seen]
    assert turns == sorted(turns)
    assert sorted(n for n in seen if n < len(rows)) == list(range(len(rows)))[:56]
    assert seen[: len(rows)] != sorted(seen[: len(rows)])
    assert len(set(seen)) == len(seen)


def test_another_phase_begins_the_corpus_anew():
    rows = corpus_rows()
    first = Rounds(rows, steps=2, every=2, batch_size=len(rows), seed=1)
    again = Rounds(rows, steps=1, every=1, batch_size=3, seed=1, turn=first.turns)
    assert (first.turns, again.turns) == (2, 3)
    assert all(2 * len(rows) <= number < 3 * len(rows) for number in again.batches(0)[0])


def test_a_batch_names_its_rows():
    rows = corpus_rows()
    batch = rows.batch([5, 2 + len(rows), 9], CPU)
    assert sorted(batch.rows.tolist()) == [2, 5, 9]

import pickle
import random
import resource
from pathlib import Path

import numpy as np
import pytest

from limbeck.core.errors import BundleError
from limbeck.text.runs import offsets
from limbeck.text.token_documents import TokenisedDocuments, hold_out, token_type, write_shard
from limbeck.text.token_store import TokenStore, shard_name, write_index


def made(draw, count, vocabulary):
    """Documents of random sentences, as lists and as arrays."""
    documents = [
        [[draw.randrange(vocabulary) for _ in range(draw.randrange(1, 9))] for _ in range(draw.randrange(1, 6))]
        for _ in range(count)
    ]
    sentences = [s for d in documents for s in d]
    flat = [i for s in sentences for i in s]
    arrays = TokenisedDocuments(
        np.array(flat, token_type(vocabulary)),
        np.array([draw.random() < 0.5 for _ in flat], bool),
        offsets(np.array([len(s) for s in sentences], np.int64)),
        offsets(np.array([len(d) for d in documents], np.int64)),
        np.array([draw.randrange(1 << 64) for _ in documents], np.uint64),
    )
    return documents, arrays


@pytest.fixture(params=[300, 100_000])
def written(request, tmp_path):
    """A store of three shards, its documents, and where their words begin."""
    draw = random.Random(0)
    counts, documents, begins = [], [], []
    for number in range(3):
        parts = [made(draw, draw.randrange(3, 30), request.param) for _ in range(2)]
        counts.append(write_shard(tmp_path, shard_name(number), [p for _, p in parts], request.param))
        documents += [d for found, _ in parts for d in found]
        begins += [b for _, part in parts for b in part.begins_word.tolist()]
    write_index(tmp_path, request.param, counts)
    return TokenStore.open(tmp_path), documents, begins


def test_it_holds_what_was_written(written):
    store, documents, begins = written
    flat = [i for d in documents for s in d for i in s]
    assert (store.tokens, len(store)) == (len(flat), len(documents))
    assert np.diff(store.document_starts).tolist() == [sum(map(len, d)) for d in documents]
    ids, words = store.gather(store.document_starts[:-1], np.diff(store.document_starts))
    assert (ids.tolist(), words.tolist()) == (flat, begins)
    assert (ids.dtype, words.dtype) == (np.int32, bool)
    assert store.counts().tolist() == np.bincount(flat, minlength=store.vocabulary).tolist()


def test_runs_and_their_sentences_are_those_of_a_plain_reading(written):
    store, documents, begins = written
    flat = [i for d in documents for s in d for i in s]
    beginnings = set(offsets(np.array([len(s) for d in documents for s in d])).tolist()[:-1])
    draw = np.random.default_rng(0)
    chosen = draw.integers(len(store), size=200)
    first, last = store.document_starts[chosen], store.document_starts[chosen + 1]
    starts = draw.integers(first, last)
    lengths = draw.integers(0, last - starts, endpoint=True)
    ids, words = store.gather(starts, lengths)
    places = [p for start, length in zip(starts, lengths, strict=True) for p in range(start, start + length)]
    assert ids.tolist() == [flat[p] for p in places]
    assert words.tolist() == [begins[p] for p in places]
    found, counts = store.sentences_in(starts, starts + lengths)
    assert found.tolist() == [p for p in places if p in beginnings]
    assert counts.tolist() == [
        sum(p in beginnings for p in range(start, start + length))
        for start, length in zip(starts, lengths, strict=True)
    ]


def test_no_run_at_all_is_fine_and_a_run_that_leaves_is_not(written):
    store = written[0]
    none = np.zeros(0, np.int64)
    assert [len(found) for found in (*store.gather(none, none), *store.sentences_in(none, none))] == [0, 0, 0, 0]
    for start, length in ((store.tokens - 1, 2), (-1, 1), (store.tokens, 1)):
        with pytest.raises(IndexError, match="not within one document"):
            store.gather(np.array([start]), np.array([length]))


def test_it_is_sent_to_other_processes_as_a_folder(written):
    store = written[0]
    copy = pickle.dumps(store)
    assert len(copy) < 500
    assert pickle.loads(copy).document_starts.tolist() == store.document_starts.tolist()


def test_of_many_shards_few_files_are_open_at_a_time(tmp_path):
    arrays = [made(random.Random(seed), 3, 300)[1] for seed in range(100)]
    counts = [write_shard(tmp_path, shard_name(number), [part], 300) for number, part in enumerate(arrays)]
    write_index(tmp_path, 300, counts)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = len(list(Path("/proc/self/fd").iterdir()))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 128, hard))
        store = TokenStore.open(tmp_path)
        for _ in range(2):
            ids, _ = store.gather(store.document_starts[:-1], np.diff(store.document_starts))
            begins, _ = store.sentences_in(store.document_starts[:-1], store.document_starts[1:])
        opened = len(list(Path("/proc/self/fd").iterdir())) - before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert 0 < opened <= (before + 128) // 4
    assert ids.tolist() == [i for part in arrays for i in part.tokens.tolist()]
    assert len(begins) == sum(len(part.sentences) - 1 for part in arrays)


def test_an_id_that_is_none_of_the_vocabulary_is_told(written):
    store = written[0]
    array = np.memmap(store.folder / "00001.tokens", token_type(store.vocabulary), "r+")
    array[0] = 65_535 if store.vocabulary == 300 else 1 << 31
    array.flush()
    for read in (lambda: store.gather(store.document_starts[:-1], np.diff(store.document_starts)), store.counts):
        with pytest.raises(BundleError, match=rf"token {array[0]} is not below the {store.vocabulary} of the vocab"):
            read()


def test_a_store_without_documents(tmp_path):
    write_index(tmp_path, 300, [])
    store = TokenStore.open(tmp_path)
    assert (store.tokens, len(store), store.document_starts.tolist()) == (0, 0, [0])
    assert store.counts().tolist() == [0] * 300


@pytest.mark.parametrize("kind", ["tokens", "sentences", "documents", "words"])
def test_files_that_do_not_fit_are_named(kind, written):
    path = written[0].folder / f"00001.{kind}"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=rf"00001.{kind}: not of .* bytes. Restore the Bundle"):
        TokenStore.open(written[0].folder)
    path.unlink()
    with pytest.raises(BundleError, match=f"00001.{kind}: missing"):
        TokenStore.open(written[0].folder)


@pytest.mark.parametrize(("kind", "place"), [("sentences", 0), ("sentences", -1), ("documents", -1), ("documents", 1)])
def test_places_that_lead_nowhere_are_told(kind, place, written):
    array = np.memmap(written[0].folder / f"00002.{kind}", "<u4", "r+")
    array[place] += 1_000_000
    array.flush()
    with pytest.raises(BundleError, match=rf"{kind}: (does not lead|leads beyond)"):
        TokenStore.open(written[0].folder)


def test_documents_that_go_backwards_are_told(written):
    array = np.memmap(written[0].folder / "00000.documents", "<u4", "r+")
    array[1] = array[2]
    array.flush()
    with pytest.raises(BundleError, match="documents do not follow one another"):
        TokenStore.open(written[0].folder)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 1, "vocabulary": 3}', '{"format": 9}', "x"])
def test_an_index_that_is_none_is_told(text, tmp_path):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(BundleError, match=r"not the index of a token store|format 9|cannot be read as JSON"):
        TokenStore.open(tmp_path)


def test_taking_documents_and_joining_them():
    documents, arrays = made(random.Random(1), 20, 300)
    chosen = np.array([7, 0, 19, 7])
    taken = arrays.take(chosen)
    assert taken.tokens.tolist() == [i for n in chosen for s in documents[n] for i in s]
    assert np.diff(taken.sentences).tolist() == [len(s) for n in chosen for s in documents[n]]
    joined = TokenisedDocuments.joined([TokenisedDocuments.none(arrays.tokens.dtype), arrays, taken])
    assert joined.sizes.tolist() == [*arrays.sizes, *taken.sizes]
    assert joined.tokens.dtype == arrays.tokens.dtype


@pytest.mark.parametrize("limit", [0, 1, 15, 60, 10_000])
def test_what_is_held_out_depends_neither_on_order_nor_on_portions(limit):
    found = []
    for seed in range(6):
        draw = random.Random(seed)
        _, arrays = made(random.Random(3), 60, 300)
        arrays = arrays.take(np.array(draw.sample(range(60), 60)))
        held, border, train = TokenisedDocuments.none(arrays.tokens.dtype), 1 << 64, []
        at = 0
        while at < 60:
            step = draw.randrange(1, 20)
            rest, held, border = hold_out(arrays.take(np.arange(at, min(at + step, 60))), held, border, limit)
            train += rest.ranks.tolist()
            at += step
        assert len(held.tokens) <= limit
        assert sorted([*train, *held.ranks.tolist()]) == sorted(arrays.ranks.tolist())
        found.append(sorted(held.ranks.tolist()))
    assert all(ranks == found[0] for ranks in found)
    assert bool(found[0]) == (limit > 0)


def test_equal_texts_are_held_out_together_or_not_at_all():
    _, arrays = made(random.Random(0), 1, 300)
    three = TokenisedDocuments.joined([arrays, arrays, arrays])
    none, size = TokenisedDocuments.none(arrays.tokens.dtype), int(arrays.sizes[0])
    train, held, _ = hold_out(three, none, 1 << 64, 2 * size)
    assert (len(train), len(held)) == (3, 0)
    train, held, _ = hold_out(three, none, 1 << 64, 3 * size)
    assert (len(train), len(held)) == (0, 3)

"""The order of rows, and batches."""

import tracemalloc

import numpy as np
import pytest
import torch

from limbeck.core.shelf import shelf
from limbeck.engine import rows as engine_rows
from limbeck.engine.rows import Rows, epoch_order
from limbeck.text.encode import Encoder
from limbeck.text.port import Example
from tests.makers import tiny_tokenizer

LENGTHS = np.random.default_rng(0).integers(5, 60, 1000).tolist()


def rows(examples, kind="text_classification", labels=("bad", "good")) -> Rows:
    tasks = shelf("tasks")
    return Rows.encode(tasks.build(tasks.spec(kind)(), labels), Encoder(tiny_tokenizer(), 32), examples)


def test_every_row_comes_once_an_epoch():
    order = epoch_order(LENGTHS, batch_size=16, seed=0, epoch=0)
    assert sorted(i for batch in order for i in batch) == list(range(1000))


def test_order_is_a_function_of_seed_and_epoch():
    first = epoch_order(LENGTHS, 16, seed=1, epoch=2)
    assert first == epoch_order(LENGTHS, 16, seed=1, epoch=2)
    assert first != epoch_order(LENGTHS, 16, seed=1, epoch=3)
    assert first != epoch_order(LENGTHS, 16, seed=2, epoch=2)


def test_little_is_padded():
    order = epoch_order(LENGTHS, 16, seed=0, epoch=0)
    padded = sum(max(LENGTHS[i] for i in batch) * len(batch) for batch in order)
    assert padded / sum(LENGTHS) < 1.05


def test_short_and_long_batches_are_mixed():
    means = [np.mean([LENGTHS[i] for i in batch]) for batch in epoch_order(LENGTHS, 16, seed=0, epoch=0)]
    assert means != sorted(means)
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.5


def test_batch_of_words_marks_first_sub_words_and_aligns_targets():
    made = rows(
        [Example(["anna", "xyz"], None, ["B-PER", "O"]), Example(["oslo"], None, ["O"])],
        "token_classification",
        ("O", "B-PER", "I-PER"),
    )
    batch = made.batch([1, 0], torch.device("cpu"))
    assert batch.lengths == (3, 6)
    assert batch.items.tolist() == [1, 4, 5]
    assert batch.targets.tolist() == [0, 1, 0]
    assert batch.rows.tolist() == [1, 0]


def test_a_batch_has_every_token_of_its_rows_and_rows_of_equal_length_together():
    made = rows([Example("good film"), Example("very good film"), Example("bad film"), Example("good")])
    batch = made.batch([2, 1, 0, 3], torch.device("cpu"))
    assert batch.rows.tolist() == [3, 0, 2, 1]
    assert batch.lengths == tuple(made.lengths[batch.rows])
    assert batch.groups == ((1, 3), (2, 4), (1, 5))
    assert batch.input_ids.tolist() == [
        i for row in (3, 0, 2, 1) for i in made.ids[made.tokens[row] : made.tokens[row + 1]]
    ]
    assert batch.positions.tolist() == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert batch.items.tolist() == [0, 3, 7, 11]


def test_unlabelled_rows_have_no_target():
    made = rows([Example("good", None, None), Example("bad", None, "bad")])
    assert made.batch([0, 1], torch.device("cpu")).targets.tolist() == [-1, 0]
    assert made.labelled == [1]


def test_digest_depends_on_tokens_alone():
    assert rows([Example("good", None, "bad")]).digest() == rows([Example("good", None, "good")]).digest()
    assert rows([Example("good")]).digest() != rows([Example("bad")]).digest()


def test_values_and_sets_of_labels_are_stacked():
    values = rows([Example("good", target=2.5), Example("bad film")], "text_regression", ("value",))
    assert (values.answer, values.labelled, values.items.tolist()) == ("value", [0], [0, 1, 2])
    assert values.batch([1, 0], torch.device("cpu")).targets.nan_to_num(-1).tolist() == [2.5, -1]
    sets = rows(
        [Example("good", target=["a"]), Example("bad film"), Example("x", target=[])], "multi_label", ("a", "b")
    )
    assert (sets.answer, sets.labelled, sets.items.tolist()) == ("classes", [0, 2], [0, 1, 2, 3])
    assert sets.batch([0, 2], torch.device("cpu")).targets.tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("examples", [0, 1, 3, 4, 9])
@pytest.mark.parametrize(
    ("kind", "labels", "example"),
    [
        ("text_classification", ("bad", "good"), Example("very good film", target="good")),
        ("text_regression", ("value",), Example("good", target=0.5)),
        ("multi_label", ("a", "b"), Example("the film", "is bad", ["b"])),
        ("token_classification", ("O", "B-PER", "I-PER"), Example(["anna", "xyz"] * 20, None, ["B-PER", "O"] * 20)),
    ],
)
def test_chunks_leave_no_trace(monkeypatch, kind, labels, example, examples):
    """Windows, numbers of items and what is cut are those of all examples encoded at once."""
    many = [example, Example(example.text, example.pair), Example(example.text[:2], example.pair)] * 3
    whole = rows(many[:examples], kind, labels)
    monkeypatch.setattr(engine_rows, "_CHUNK_EXAMPLES", 4)
    chunked = rows(many[:examples], kind, labels)
    assert chunked.digest() == whole.digest()
    for name in ("ids", "type_ids", "tokens", "places", "targets", "items", "numbers"):
        one, other = getattr(chunked, name), getattr(whole, name)
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name
    assert (chunked.answer, chunked.cut, len(chunked)) == (whole.answer, whole.cut, len(whole))


def test_memory_is_the_flat_arrays_and_one_chunk():
    """16 bytes a token at most, twice while chunks are joined, where Python's objects of all rows would take 200."""
    examples = [Example("the film is not very good in oslo anna visited lima", target="bad")] * 20_000
    rows(examples[:2000])
    tracemalloc.start()
    made = rows(examples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * len(made.ids)

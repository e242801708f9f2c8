"""Batches: every input once, within the budget, little padding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.text.batching import pad, plan_batches
from limbeck.text.encode import Encoded

LENGTHS = st.lists(st.integers(1, 200), max_size=60)


@given(LENGTHS, st.integers(1, 500))
def test_every_input_is_in_exactly_one_batch(lengths, budget):
    batches = plan_batches(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 500))
def test_a_batch_stays_within_the_budget_unless_it_is_one_input(lengths, budget):
    for batch in plan_batches(lengths, budget):
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget


@given(LENGTHS, st.integers(1, 500))
def test_longest_come_first(lengths, budget):
    flat = [lengths[i] for batch in plan_batches(lengths, budget) for i in batch]
    assert flat == sorted(lengths, reverse=True)


def test_inputs_of_one_length_share_a_batch():
    assert plan_batches([5, 5, 5, 5], token_budget=10) == [[0, 1], [2, 3]]


def test_pad_fills_ids_masks_and_types():
    arrays = pad([Encoded([1, 2, 3], [0, 0, 1]), Encoded([4], [0])], pad_id=9)
    assert arrays["input_ids"].tolist() == [[1, 2, 3], [4, 9, 9]]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert arrays["token_type_ids"].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert {a.dtype.name for a in arrays.values()} == {"int64"}


def test_nothing_cannot_be_padded():
    with pytest.raises(ValueError, match="empty"):
        pad([], pad_id=0)

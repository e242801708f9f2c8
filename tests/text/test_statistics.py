import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Tokens

from limbeck.core.predictions import Predictions, gather
from limbeck.text.statistics import class_counts, confusion, entities, entity_counts, rights

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def tagged(sentences: list[list[int]]) -> Predictions:
    return gather(LABELS, [np.eye(5)[row].reshape(-1, 5) * 9 for row in sentences], sentences)


@given(st.lists(st.lists(st.integers(0, 4), max_size=7), max_size=5))
def test_entities_are_those_of_seqeval(sentences):
    predictions = tagged(sentences)
    expected = [
        (int(begin) + e.start, int(begin) + e.end, ("LOC", "PER").index(e.tag))
        for begin, row in zip(predictions.offsets, sentences, strict=False)
        for e in Tokens([LABELS[i] for i in row], IOB2).entities
    ]
    assert [tuple(row) for row in entities(predictions, predictions.targets).tolist()] == expected


def test_counts_add_up_over_examples_and_weights():
    predictions = gather(("a", "b"), [np.array([[1.0, 0], [0, 1]]), np.array([[1.0, 0]])], [[0, 0], [1]])
    counts = class_counts(predictions)
    assert counts.hits.tolist() == [[1, 0], [0, 0]]
    assert counts.truths.tolist() == [[2, 0], [0, 1]]
    assert counts.answers.tolist() == [[1, 1], [1, 0]]
    assert counts.weighted(np.array([[2.0, 3.0]])).truths.tolist() == [[4, 3]]
    assert confusion(predictions).tolist() == [[1, 1], [1, 0]]
    assert rights(predictions).tolist() == [False, False]


def test_a_sentence_with_an_unknown_tag_counts_for_nothing():
    predictions = tagged([[1, 2], [1, 0]])
    unknown = Predictions(LABELS, predictions.probabilities, np.array([1, -1, 1, 0]), predictions.offsets)
    assert entity_counts(unknown).truths.tolist() == [[0, 0], [1, 0]]
    assert rights(unknown).tolist() == [True, True]


def test_ratios_of_nothing_are_zero():
    empty = class_counts(gather(("a", "b"), [np.array([[1.0, 0]])], [[0]]))
    assert empty.recall.tolist() == [[1.0, 0.0]]
    assert empty.macro(empty.f1) == pytest.approx([1.0])

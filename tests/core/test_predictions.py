import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.core.errors import BundleError
from limbeck.core.predictions import Predictions, gather, softmax

TAGS = ("O", "B-LOC", "I-LOC")


@pytest.fixture
def sentences():
    """Three sentences of 2, 0 and 1 words."""
    logits = [np.array([[0.0, 5.0, 1.0], [0.0, 1.0, 5.0]]), np.zeros((0, 3)), np.array([[9.0, 0.0, 0.0]])]
    return gather(TAGS, logits, [[1, 2], [], [-1]])


def test_items_know_their_example(sentences):
    assert len(sentences) == 3
    assert sentences.offsets.tolist() == [0, 2, 2, 3]
    assert sentences.tags(sentences.answers) == [["B-LOC", "I-LOC"], [], ["O"]]
    assert sentences.targets.tolist() == [1, 2, -1]


def test_without_offsets_every_item_is_an_example():
    predictions = Predictions(("no", "yes"), np.eye(2), np.array([0, 1]))
    assert predictions.offsets.tolist() == [0, 1, 2]
    assert len(predictions) == 2


def test_without_targets_nothing_is_known():
    assert gather(("no", "yes"), [np.zeros((1, 2))]).targets.tolist() == [-1]


def test_nothing_can_be_gathered():
    predictions = gather(TAGS, [], [])
    assert predictions.probabilities.shape == (0, 3)
    assert len(predictions) == 0


def test_predictions_survive_the_disk(tmp_path, sentences):
    sentences.save(tmp_path / "p.npz")
    again = Predictions.read(tmp_path / "p.npz")
    assert again.labels == TAGS
    assert again.probabilities == pytest.approx(sentences.probabilities, abs=1e-7)
    assert again.targets.tolist() == sentences.targets.tolist()
    assert again.offsets.tolist() == sentences.offsets.tolist()


@pytest.mark.parametrize("damage", ["missing", "text", "truncated", "pickle", "fields"])
def test_damaged_files_are_refused(tmp_path, sentences, damage):
    path = tmp_path / "p.npz"
    sentences.save(path)
    match damage:
        case "missing":
            path.unlink()
        case "text":
            path.write_text("no archive")
        case "truncated":
            path.write_bytes(path.read_bytes()[:-40])
        case "pickle":
            np.savez(path, labels=np.array([{}], dtype=object))
        case "fields":
            np.savez(path, labels=np.array(TAGS))
    with pytest.raises(BundleError, match=r"p\.npz: not stored predictions .* run `limbeck evaluate` again"):
        Predictions.read(path)


def test_a_flipped_bit_never_ends_in_a_traceback(tmp_path, sentences):
    path = tmp_path / "p.npz"
    sentences.save(path)
    data = path.read_bytes()
    read = 0
    for place, byte in enumerate(data):
        path.write_bytes(data[:place] + bytes([byte ^ 1 << place % 8]) + data[place + 1 :])
        with contextlib.suppress(BundleError):
            read += isinstance(Predictions.read(path), Predictions)
    assert read < len(data) / 2  # of an archive much stands twice, and nobody looks at its times


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6), st.floats(-1e4, 1e4))
def test_softmax_is_a_distribution_and_ignores_a_common_shift(logits, shift):
    probabilities = softmax(np.array([logits]))
    assert probabilities.sum() == pytest.approx(1.0)
    assert (probabilities >= 0).all()
    assert softmax(np.array([logits]) + shift) == pytest.approx(probabilities, abs=1e-9)


SETS = gather(("a", "b"), [np.array([[9.0, 0.0]]), np.array([[-9.0, -1.0]])], [[[1, 0]], [[np.nan, np.nan]]], "classes")
VALUES = gather(("value",), [np.array([[2.5]]), np.array([[-1e6]])], [[3.0], [np.nan]], "value")


def test_labels_hold_from_one_half_on():
    assert SETS.probabilities.sum(1) != pytest.approx([1, 1])
    assert SETS.answers.tolist() == [[1, 1], [0, 0]]
    assert SETS.names(SETS.answers) == ["a, b", ""]
    assert SETS.names(SETS.targets) == ["a", ""]


def test_values_are_their_logits():
    assert VALUES.answers.tolist() == [2.5, -1e6]
    assert VALUES.names(VALUES.targets) == ["3", ""]


@pytest.mark.parametrize("one", [SETS, VALUES], ids=["classes", "value"])
def test_every_kind_of_answer_survives_the_disk(tmp_path, one):
    one.save(tmp_path / "p.npz")
    again = Predictions.read(tmp_path / "p.npz")
    assert again.answer == one.answer
    assert again.known.tolist() == [True, False]
    assert np.array_equal(again.targets, one.targets, equal_nan=True)


@pytest.mark.parametrize(("answer", "shape"), [("class", (0,)), ("classes", (0, 2)), ("value", (0,))])
def test_nothing_can_be_gathered_of_any_kind(answer, shape):
    empty = gather(("a", "b"), [], [], answer)
    assert empty.targets.shape == shape
    assert empty.known.shape == (0,)

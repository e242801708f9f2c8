import numpy as np
import pytest
from scipy.stats import binomtest

from limbeck.core.errors import DataError
from limbeck.core.predictions import Predictions, gather
from limbeck.evidence.comparison import agreement, answers_of, mcnemar, negative_flips
from limbeck.text.port import Example

LABELS = ("a", "b")


def answering(rights: list[bool], sure: float = 0.9) -> Predictions:
    """Predictions whose truth is always `a`."""
    rows = [[sure, 1 - sure] if right else [1 - sure, sure] for right in rights]
    return Predictions(LABELS, np.array(rows), np.zeros(len(rights), dtype=int))


def models(gained: int, lost: int, both: int = 5) -> tuple[Predictions, Predictions]:
    one = answering([False] * gained + [True] * lost + [True] * both)
    other = answering([True] * gained + [False] * lost + [True] * both)
    return one, other


@pytest.mark.parametrize(("gained", "lost"), [(0, 5), (2, 9), (13, 4), (30, 31)])
def test_mid_p_is_the_exact_p_less_the_chance_of_the_outcome(gained, lost):
    exact = binomtest(gained, gained + lost).pvalue
    chance = binomtest(gained, gained + lost, alternative="less").pvalue - (
        binomtest(gained - 1, gained + lost, alternative="less").pvalue if gained else 0
    )
    assert mcnemar(*models(gained, lost)) == pytest.approx(exact - chance)


def test_equal_models_do_not_differ():
    assert mcnemar(*models(0, 0)) == 1.0
    assert mcnemar(*models(7, 7)) == pytest.approx(1.0)


def test_a_sentence_is_right_where_every_tag_is():
    truth = [[0, 1], [1, 1, 0]]
    right = [np.eye(2)[row] * 9 for row in truth]
    half = [np.eye(2)[[0, 0]] * 9, np.eye(2)[[0, 0, 0]] * 9]
    p = mcnemar(gather(LABELS, right, truth), gather(LABELS, half, truth))
    assert p == pytest.approx(2 * 0.25 - 0.25)


def test_agreement_is_accuracy_against_the_others_answers():
    one, other = models(1, 2, 7)
    assert answers_of(other, one).targets.tolist() == one.answers.tolist()


def test_flips_are_what_was_lost_and_begin_with_the_surest():
    teacher = answering([True, True, True, False], 0.8)
    student = Predictions(LABELS, np.array([[0.4, 0.6], [0.9, 0.1], [0.05, 0.95], [0.1, 0.9]]), np.zeros(4, dtype=int))
    flips = negative_flips(teacher, student, [Example("x")] * 4)
    assert [(f.index, f.item) for f in flips] == [(2, 0), (0, 0)]
    assert [f.wrong_confidence for f in flips] == pytest.approx([0.95, 0.6])
    assert [f.right_confidence for f in flips] == pytest.approx([0.8, 0.8])


def test_a_flip_of_tags_points_at_the_surest_error():
    truth = [[0, 0, 0, 0]]
    teacher = gather(LABELS, [np.log([[0.7, 0.3]] * 4)], truth)
    student = gather(LABELS, [np.log([[0.99, 0.01], [0.4, 0.6], [0.2, 0.8], [0.6, 0.4]])], truth)
    (flip,) = negative_flips(teacher, student, [Example(list("wxyz"))])
    assert flip.item == 2
    assert (flip.wrong_confidence, flip.right_confidence) == pytest.approx((0.8, 0.7))


def test_predictions_of_other_examples_are_refused():
    one, other = answering([True]), answering([True, False])
    with pytest.raises(DataError, match="not evaluated on the same examples"):
        mcnemar(one, other)
    with pytest.raises(DataError, match="2 predictions for 1 examples"):
        negative_flips(other, other, [Example("x")])


def sets(*answers: list[float]) -> Predictions:
    """Probabilities of three labels, of which the first holds."""
    truth = np.array([[1.0, 0.0, 0.0]] * len(answers))
    return Predictions(("a", "b", "c"), np.array(answers), truth, answer="classes")


def test_sets_agree_by_the_labels_that_both_give():
    one, other = sets([0.9, 0.9, 0.1], [0.9, 0.1, 0.1]), sets([0.9, 0.2, 0.1], [0.8, 0.1, 0.1])
    assert agreement(one, other) == agreement(other, one) == pytest.approx(2 * 2 / (3 + 2))
    nothing = sets([0.1, 0.1, 0.1])
    assert agreement(nothing, nothing) == 1.0


def test_values_agree_where_they_are_equal_not_where_they_correlate():
    truth = np.array([1.0, np.nan, 3.0])
    one, far = (Predictions(("value",), np.array([[1.0], [2.0], [3.0]]) + by, truth, answer="value") for by in (0, 1))
    assert agreement(one, one) == 1.0
    assert agreement(one, far) == agreement(far, one) == pytest.approx(2 * 2 / (2 + 2 + 3))


def test_a_flip_of_sets_is_as_sure_as_the_surest_wrong_label():
    teacher, student = sets([0.7, 0.2, 0.4], [0.9, 0.0, 0.0]), sets([0.4, 0.1, 0.8], [0.9, 0.0, 0.0])
    (flip,) = negative_flips(teacher, student, [Example("x")] * 2)
    assert (flip.index, flip.item) == (0, 0)
    assert (flip.wrong_confidence, flip.right_confidence) == pytest.approx((0.8, 0.6))
    assert mcnemar(teacher, student) == pytest.approx(0.5)

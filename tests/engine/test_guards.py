"""Each guard: numbers, worked by hand, that set it off, and numbers that leave it silent."""

import numpy as np
import pytest

from limbeck.core.predictions import Predictions
from limbeck.core.shelf import shelf
from limbeck.engine.guards import (
    LossGuard,
    beats,
    correlates,
    f1_beats,
    judge_history,
    judge_student,
    judge_teacher,
    no_better_than_guessing,
    surpasses,
)
from limbeck.text.statistics import Counts


def task(kind: str, labels=("a", "b")):
    tasks = shelf("tasks")
    return tasks.build(tasks.spec(kind)(), labels)


ONE, MANY, VALUE = task("text_classification"), task("multi_label"), task("text_regression", ("value",))
TAGS = task("token_classification", ("O", "B-LOC", "I-LOC"))


def told(targets, answers, labels=("a", "b"), **more) -> Predictions:
    """Predictions of one label for each item."""
    return Predictions(tuple(labels), np.eye(len(labels))[answers], np.array(targets), **more)


def right_on(rights: int, n: int = 100, frequent: int = 50) -> Predictions:
    """Two labels, of which the first is true of `frequent` of `n` items; the first `rights` answers are right."""
    targets = np.repeat([0, 1], [frequent, n - frequent])
    return told(targets, np.where(np.arange(n) < rights, targets, 1 - targets))


def sets(targets, answers) -> Predictions:
    """Predictions of any of two labels."""
    return Predictions(("a", "b"), np.array(answers, float), np.array(targets, float), answer="classes")


def estimates(targets, answers) -> Predictions:
    """Predictions of values."""
    return Predictions(("value",), np.array(answers, float)[:, None], np.array(targets, float), answer="value")


@pytest.mark.parametrize(
    ("hits", "n", "share", "wanted"),
    [
        (5, 5, 0.5, True),  # 1/32
        (4, 4, 0.5, False),  # 1/16
        (8, 9, 0.5, True),  # 10/512
        (7, 9, 0.5, False),  # 46/512
        (51, 100, 0.5, False),
        (10, 10, 0.7, True),  # 0.028
        (10, 10, 0.8, False),  # 0.107
        (0, 0, 0.5, False),
        (10, 10, 1.0, False),
    ],
)
def test_binomial(hits, n, share, wanted):
    assert beats(hits, n, share) is wanted


@pytest.mark.parametrize(
    ("r", "n", "wanted"), [(1.0, 3, False), (1.0, 4, True), (np.nan, 99, False), (-1.0, 99, False)]
)
def test_correlation(r, n, wanted):
    assert correlates(r, n) is wanted


def test_f1_by_its_standard_error():
    """Half of n texts found, none wrong: F1 = 2/3, which each moves by ±(2/3)/(1.5 n), so its error is (4/9)/√n."""

    def half(n):
        return Counts(*(np.array(x, float) for x in ([1, 0] * (n // 2), [1] * n, [1, 0] * (n // 2))))

    def none(n):
        return Counts(np.zeros(n), np.ones(n), np.zeros(n))

    assert f1_beats(half(2), none(2))  # 0.667 > 1.645 · 0.314
    one_of_many = Counts(np.eye(1, 50)[0], np.ones(50), np.eye(1, 50)[0])
    assert not f1_beats(one_of_many, none(50))  # 0.0392 against 1.645 · 0.038
    assert not f1_beats(none(2), none(2))


@pytest.mark.parametrize("rights", [0, 50, 51, 58])
def test_a_classifier_that_guesses(rights):
    said = no_better_than_guessing(right_on(rights), ONE)
    assert said == f"is right on {rights} of 100 dev rows, where always answering 'a' is on 50"


def test_a_classifier_is_held_against_the_most_frequent_label():
    assert "'a' is on 90" in no_better_than_guessing(right_on(94, frequent=90), ONE)  # P = 0.12
    assert no_better_than_guessing(right_on(95, frequent=90), ONE)  # P = 0.058
    assert not no_better_than_guessing(right_on(96, frequent=90), ONE)  # P = 0.024
    assert not no_better_than_guessing(right_on(59), ONE)


def test_items_of_unknown_truth_do_not_count():
    unknown = told([0, 1, 0, 1, 0, 1, -1, -1], [0, 1, 0, 1, 0, 1, 0, 1])
    assert not no_better_than_guessing(unknown, ONE)  # 6 of 6 against 3: 1/64
    assert not no_better_than_guessing(told([-1, -1], [0, 1]), ONE)


def test_a_tagger_that_finds_nothing():
    labels, offsets = TAGS.labels, np.array([0, 3])
    assert no_better_than_guessing(told([1, 2, 0], [0, 0, 0], labels, offsets=offsets), TAGS) == (
        "finds none of the 1 entities of dev"
    )
    assert not no_better_than_guessing(told([1, 2, 0], [1, 2, 0], labels, offsets=offsets), TAGS)
    assert not no_better_than_guessing(told([0, 0, 0], [0, 0, 0], labels, offsets=offsets), TAGS)


def tagged(n: int, answers) -> Predictions:
    """Sentences of six words, of which two random ones are places, a third of them of two words."""
    draw = np.random.default_rng(1)
    sentences = []
    for _ in range(n):
        tags = np.zeros(6, dtype=int)
        tags[draw.choice([0, 2, 4], 2, replace=False)] = 1
        tags[1:] = np.where((tags[:-1] == 1) & (draw.random(5) < 1 / 3), 2, tags[1:])
        sentences.append(tags)
    targets = np.concatenate(sentences)
    return told(targets, answers(targets, draw), TAGS.labels, offsets=np.arange(0, len(targets) + 1, 6))


def test_a_tagger_is_held_against_a_single_tag_and_against_its_own_tags_in_random_order():
    always = tagged(40, lambda truth, draw: np.full(len(truth), 1))
    said = no_better_than_guessing(always, TAGS)
    assert said.startswith("has an entity F1 of 0.")
    assert "where always answering 'B-LOC' has" in said
    at_random = tagged(40, lambda truth, draw: draw.permutation(truth))
    assert no_better_than_guessing(at_random, TAGS)
    rare = tagged(40, lambda truth, draw: np.where(draw.random(len(truth)) < 0.1, 1, 0))
    assert no_better_than_guessing(rare, TAGS)
    half = tagged(40, lambda truth, draw: np.where(draw.random(len(truth)) < 0.5, truth, draw.permutation(truth)))
    assert not no_better_than_guessing(half, TAGS)


def test_several_labels_are_held_against_the_most_frequent_set():
    truth = [[1, 0]] * 30 + [[1, 1]] * 10 + [[0, 0]] * 10
    constant = no_better_than_guessing(sets(truth, [[1, 0]] * 50), MANY)
    assert constant == "has a micro F1 of 0.800 on dev, where always answering 'a' has 0.800"
    assert not no_better_than_guessing(sets(truth, truth), MANY)
    mostly_none = [[0, 0]] * 30 + [[1, 0]] * 20
    assert "'no label' has 0.000" in no_better_than_guessing(sets(mostly_none, [[0, 1]] * 50), MANY)
    # More wrong labels than by answering none, but two thirds of F1.
    assert not no_better_than_guessing(sets(mostly_none, [[1, 0]] * 20 + [[0, 0]] * 10 + [[1, 0]] * 20), MANY)


def test_values_are_held_against_no_correlation():
    truth = list(range(20))
    assert "gives one answer to all" in no_better_than_guessing(estimates(truth, [3] * 20), VALUE)
    assert "correlates with them by -1.000" in no_better_than_guessing(estimates(truth, truth[::-1]), VALUE)
    assert not no_better_than_guessing(estimates(truth, [x + 100 for x in truth]), VALUE)
    assert not no_better_than_guessing(estimates([3] * 20, truth), VALUE), "dev of equal values tells nothing"


def test_surpassing_is_more_than_luck():
    """9 examples on which two models differ: 8 wins are luck in 2 % of cases, 7 in 9 %."""
    truth = [0] * 9
    assert surpasses(told(truth, [0] * 8 + [1]), told(truth, [1] * 8 + [0]))
    assert not surpasses(told(truth, [0] * 7 + [1] * 2), told(truth, [1] * 7 + [0] * 2))
    assert surpasses(estimates([1.0] * 5, [1.1] * 5), estimates([1.0] * 5, [0.5] * 5))
    assert surpasses(sets([[1, 1]] * 5, [[1, 0]] * 5), sets([[1, 1]] * 5, [[0, 0]] * 5))


def test_teacher_at_chance():
    (said,) = judge_teacher(right_on(52), ONE, "teacher")
    assert said.startswith("the teacher is right on 52 of 100 dev rows")
    assert "finetune.epochs" in said
    assert not list(judge_teacher(right_on(80), ONE, "teacher"))


def test_student_below_the_most_frequent_label():
    (said,) = judge_student(right_on(45), [right_on(90)], ONE)
    assert said.startswith("the student is right on 45 of 100 dev rows")
    assert "too small" in said
    (said,) = judge_student(right_on(45), [right_on(50)], ONE)
    assert "mend the teacher first" in said


def test_teacher_worse_than_its_student():
    (said,) = judge_student(right_on(85), [right_on(75)], ONE)
    assert "dev accuracy 0.8500 against 0.7500" in said
    assert "under-trained" in said
    assert not list(judge_student(right_on(77), [right_on(75)], ONE)), "2 of 2 are luck"
    assert not list(judge_student(right_on(75), [right_on(85)], ONE))
    assert not list(judge_student(right_on(85), [right_on(75), right_on(74)], ONE)), "several teach more than each"


@pytest.mark.parametrize(
    ("scores", "losses", "odd"),
    [
        pytest.param([0.5] * 3, [0.7, 0.7, 0.694], True, id="dead"),
        pytest.param([0.5] * 3, [0.7, 0.6, 0.5], False, id="loss falls"),
        pytest.param([0.5, 0.5, 0.6], [0.7] * 3, False, id="score moves"),
        pytest.param([0.5] * 2, [0.7] * 2, False, id="few epochs"),
        pytest.param([], [], False, id="not trained"),
    ],
)
def test_dead_models(scores, losses, odd):
    history = [{"phase": "p", "loss": x, "dev": {"accuracy": s}} for s, x in zip(scores, losses, strict=True)]
    said = list(judge_history(history, "accuracy"))
    assert bool(said) is odd
    assert all(f"after each of {len(scores)} epochs" in line for line in said)


@pytest.mark.parametrize(
    ("scores", "losses", "told"),
    [
        pytest.param([None], [2.0], ["undefined after every epoch"], id="dev of equal values"),
        pytest.param([0.4, None], [2.0, 1.0], ["1 of 2 epochs (first after p, epoch 2): there the model"], id="once"),
        pytest.param([None] * 3, [2.0, 2.1, 2.1], ["after every epoch", "undefined after each of 3 epochs"], id="dead"),
    ],
)
def test_scores_that_are_undefined(scores, losses, told):
    both = enumerate(zip(scores, losses, strict=True), start=1)
    history = [{"phase": "p", "epoch": n, "loss": loss, "dev": {"pearson": score}} for n, (score, loss) in both]
    said = list(judge_history(history, "pearson"))
    assert len(said) == len(told)
    assert all(text in line for text, line in zip(told, said, strict=True))


def test_phases_have_losses_of_their_own():
    history = [{"phase": p, "loss": x, "dev": {"f1": 0.5}} for p, x in (("a", 1.0), ("a", 0.9), ("b", 2.0), ("b", 2.0))]
    assert not list(judge_history(history, "f1"))
    assert list(judge_history([*history[2:], {**history[0], "loss": 1.0}], "f1"))


def watched(means, *, warmup: int = 0, steps: int = 10, steady: bool = True) -> list[str]:
    guard = LossGuard(warmup, steady)
    return [said for mean in means if (said := guard.look(steps, mean))]


def test_a_loss_that_collapses():
    (said,) = watched([0.7, 0.6, 0.059, 0.05, 0.001])
    assert said.startswith("the loss fell from 0.7 to 0.059 within 20 steps")
    assert "give the answer away" in said


def test_a_collapse_shows_in_looks_of_fewer_steps_too():
    assert len(watched([0.7, 0.7, 0.6, 0.6, 0.05, 0.05], steps=5)) == 1


@pytest.mark.parametrize(
    "means",
    [
        pytest.param([0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01], id="learnt fast"),
        pytest.param([0.7, 0.4, 0.2, 0.1, 0.05, 0.02, 0.3, 0.02, 0.02], id="back from a bad batch"),
        pytest.param([0.7, 0.3, 0.1, 0.05, 0.02, 0.01, 0.3, 0.01], id="one hard row late"),
        pytest.param([0.7], id="few steps"),
        pytest.param([], id="none"),
    ],
)
def test_losses_of_a_sound_training(means):
    assert watched(means) == []


def test_the_fall_of_a_warm_up_is_no_collapse():
    assert watched([9.0, 0.7, 0.6, 0.5], warmup=20) == []
    assert len(watched([9.0, 0.7, 0.6, 0.5], warmup=0)) == 1


def test_a_loss_that_ramps_moves_by_itself():
    assert watched([0.7, 0.6, 0.01, 0.01, 0.9], steady=False) == []


def test_a_loss_that_grows_is_told_once():
    (said,) = watched([0.7, 0.3, 0.1, 0.03, 0.69, 0.7, 0.02, 0.8])
    assert said.startswith("the loss grew from 0.03 to 0.69")
    assert "learning_rate" in said


def test_what_a_guard_keeps_does_not_grow():
    guard = LossGuard(0)
    for _ in range(1000):
        guard.look(20, 0.5)
    assert all(len(kept) <= 2 for kept in vars(guard).values() if isinstance(kept, list))
    assert "fell from 0.5 to 0.01" in guard.look(20, 0.01) + guard.look(20, 0.01) + guard.look(20, 0.01)


@pytest.mark.parametrize("after", range(1, 7))
def test_a_guard_goes_on_where_another_stopped(after):
    means = [0.7, 0.3, 0.1, 0.03, 0.69, 0.001, 0.7]
    whole, first, second = LossGuard(20), LossGuard(20), LossGuard(20)
    wanted = [whole.look(10, mean) for mean in means for _ in range(2)]
    said = [first.look(10, mean) for mean in means[:after] for _ in range(2)]
    second.restore(first.state())
    assert said + [second.look(10, mean) for mean in means[after:] for _ in range(2)] == wanted
    assert len(set(wanted)) > 1

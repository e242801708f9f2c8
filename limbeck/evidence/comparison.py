"""Two models on the same examples: do they differ by more than chance, where do they agree, what got lost?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbeck.core.errors import DataError
from limbeck.core.predictions import Answer, Predictions
from limbeck.core.shelf import shelf
from limbeck.text.port import Example, Metric
from limbeck.text.statistics import rights


def mcnemar(one: Predictions, other: Predictions) -> float:
    """Two-sided mid-p of McNemar's test that both models answer as many examples rightly.

    Only the examples that exactly one of the two answers rightly say anything: under the hypothesis each is the toss of
    a fair coin. A sentence of tags is right where every tag is, a set of labels where every label is.
    The mid-p is twice the smaller tail less the chance of the very outcome: it keeps its level, and unlike the exact p
    is hardly conservative (Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91).
    """
    from scipy.stats import binom

    first, second = _alike(one, other), rights(other)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    fewer, both = min(gained, lost), gained + lost
    return float(min(1.0, 2 * binom.cdf(fewer, both, 0.5) - binom.pmf(fewer, both, 0.5)))


_AGREEMENT: dict[Answer, str] = {"class": "accuracy", "classes": "micro_f1", "value": "concordance"}


def agreement_metric(answer: Answer) -> Metric:
    """What tells how far two models agree, the answers of one taken for the truth; the same whichever is taken.

    The share of equal answers; of several labels, F1 (Dice's coefficient) of those given; of values, Lin's concordance,
    which unlike a correlation sees shifted and scaled answers.
    """
    metric: Metric = shelf("metrics").build(shelf("metrics").parse(_AGREEMENT[answer], "metrics"))
    return metric


def agreement(one: Predictions, other: Predictions) -> float:
    """How far two models agree, at most 1, which is everywhere."""
    if np.array_equal(one.answers, other.answers):
        return 1.0
    return agreement_metric(one.answer).value(answers_of(one, other))


def agreement_text(answer: str, share: float) -> str:
    """How far models agree, for people.

    >>> agreement_text("class", 0.9912), agreement_text("value", 0.9987)
    ('99.1 % of the answers are the same', 'the concordance of the answers is 0.9987')
    """
    if answer == "value":
        return f"the concordance of the answers is {share:.4f}"
    return f"{100 * share:.1f} % of the {'labels given' if answer == 'classes' else 'answers'} are the same"


def answers_of(predictions: Predictions, other: Predictions) -> Predictions:
    """`predictions` with the answers of `other` as targets."""
    _alike(predictions, other)
    return replace(predictions, targets=other.answers)


@dataclass(frozen=True)
class Flip:
    """An example that one model answers wrongly and another rightly.

    Attributes:
        index: Which example.
        item: The item within it where the wrong answer was surest; 0 for sentences.
        wrong_confidence: The probability of the wrong answer there; of several labels, of the surest wrong one.
        right_confidence: The probability that the other model gave to the truth there.
    """

    index: int
    item: int
    wrong_confidence: float
    right_confidence: float


def negative_flips(teacher: Predictions, student: Predictions, examples: Sequence[Example]) -> list[Flip]:
    """What the student gets wrong and the teacher right, the student's surest errors first.

    Raises:
        DataError: The predictions are not of these examples.
    """
    lost = _alike(teacher, student) & ~rights(student)
    if len(examples) != len(lost):
        raise DataError(f"{len(lost)} predictions for {len(examples)} examples; evaluate the models again")
    return sorted((_flip(teacher, student, int(i)) for i in np.flatnonzero(lost)), key=lambda f: -f.wrong_confidence)


def _flip(teacher: Predictions, student: Predictions, index: int) -> Flip:
    items = slice(*student.offsets[index : index + 2])
    if student.answer == "classes":
        truth, held = student.targets[items][0], student.probabilities[items][0]
        off = np.abs(truth - held)
        label = int(off.argmax())
        return Flip(index, 0, float(off[label]), 1 - float(abs(truth - teacher.probabilities[items][0])[label]))
    truth, answers = student.targets[items], student.answers[items]
    sure = np.where((truth >= 0) & (answers != truth), student.probabilities[items].max(1), -1)
    item = int(sure.argmax())
    right = float(teacher.probabilities[items][item, truth[item]])
    return Flip(index, item, float(sure[item]), right)


def _alike(one: Predictions, other: Predictions) -> np.ndarray:
    """`[examples]`, whether `one` is right; refuses predictions of other labels or examples."""
    same = np.array_equal(one.targets, other.targets, equal_nan=one.answer != "class")
    if one.labels != other.labels or not same:
        raise DataError("the two models were not evaluated on the same examples and labels; evaluate them again")
    return rights(one)

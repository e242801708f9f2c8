"""Guards: what the numbers of a training say is odd about it, with the likely cause. They judge; stages tell.

A guard is silent where all is well. It never stops a run: what it says goes to the log, into the Bundle's facts, onto
the report page and into the model card. Differences are judged by one-sided tests, so that a model that is right on 51
of 100 rows is not said to beat a coin.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from limbeck.core.predictions import Array, Predictions
from limbeck.engine.score import metric_value
from limbeck.text.port import Task
from limbeck.text.statistics import Counts, class_counts, correlation, entity_counts, owners, right_items, values

LEVEL = 0.05
"""How often a model that is no better than what it is held against passes for better: the usual one in twenty."""
_QUANTILE = 1.6449
"""What a standard normal variable exceeds with probability `LEVEL`."""
LOSS_FACTOR = 10.0
"""Fall or growth of the loss that is odd. Real tasks that are learnt quickly lose a factor of 2 to 3 in 20 steps."""
WINDOW_STEPS = 10
"""Steps behind each mean of the loss that is judged: single batches of 16 rows differ tenfold late in a training."""
_SHUFFLES = 20
"""Random orders whose mean is what chance gives: that of one alone is itself left to chance."""
_DEAD_EPOCHS = 3
"""Epochs from which on a dev score that never moves is odd; two epochs often end alike."""
_DEAD_FALL = 0.01
"""Part by which the loss falls in a phase in which something is learnt: on a small dev split the score alone may stand
still while the model does not."""


def beats(hits: int, n: int, share: float = 0.5) -> bool:
    """Whether `hits` of `n` are more than chance gives: P(X ≥ hits) ≤ 5 % for X binomial of `n` and `share`.

    With `share` 1/2, and items on which two models differ, this is the exact sign test, McNemar's for right answers.

    >>> beats(58, 100), beats(59, 100)  # P = 0.067, 0.044
    (False, True)
    """
    from scipy.stats import binom

    return bool(binom.sf(hits - 1, n, share) <= LEVEL)


def correlates(r: float, n: int) -> bool:
    """Whether Pearson's `r` over `n` pairs is above 0, by Fisher's z: atanh(r)·√(n − 3) above 1.645.

    >>> correlates(0.2, 50), correlates(0.3, 50)  # z = 1.39, 2.12
    (False, True)
    """
    return n > 3 and r > 0 and math.atanh(min(r, 1 - 1e-12)) * math.sqrt(n - 3) > _QUANTILE


def f1_beats(first: Counts, second: Counts) -> bool:
    """Whether the micro F1 of `first` is above that of `second`, on the same examples.

    F1 = 2·Σhits / Σ(truths + answers) is a ratio of sums: the standard error of the difference is that of its
    linearisation over examples (Cochran 1977, §6.4).

    Args:
        first: Counts pooled over labels, `[examples]`.
        second: The same of what it is held against.
    """
    (one, off), (other, its) = _f1_parts(first), _f1_parts(second)
    return bool(one - other > _QUANTILE * math.sqrt(np.square(off - its).sum()))


def _f1_parts(counts: Counts) -> tuple[float, Array]:
    """F1, and by how much each example moves it `[examples]`."""
    sizes = counts.truths + counts.answers
    total = max(float(sizes.sum()), 1.0)
    f1 = 2 * float(counts.hits.sum()) / total
    return f1, (2 * counts.hits - f1 * sizes) / total


def no_better_than_guessing(dev: Predictions, task: Task) -> str:
    """How a model fares against the best answer that reads no text; empty where it is better, or dev cannot tell.

    Right answers are held against those of the most frequent label, F1 of several labels against that of the most
    frequent set of them, an entity F1 against that of the best single tag and of the model's own answers in random
    order, a correlation against 0.

    Args:
        dev: Its answers beside the truth.
        task: What it answers; one label for each word spells entities.
    """
    n = int(dev.known.sum())
    if n == 0:
        return ""
    if task.per_word:
        return _against_tags(dev)
    if dev.answer == "value":
        return _against_zero(dev)
    if dev.answer == "classes":
        return _against_set(dev)
    counted = np.bincount(dev.targets[dev.known])
    frequent, rights = int(counted.max()), int(right_items(dev).sum())
    if beats(rights, n, frequent / n):
        return ""
    name = dev.labels[int(counted.argmax())]
    return f"is right on {rights} of {n} dev rows, where always answering {name!r} is on {frequent}"


def _against_zero(dev: Predictions) -> str:
    truth, answer, weights = values(dev, np.ones((1, len(dev))))
    r, n = float(correlation(truth, answer, weights)[0]), len(truth)
    if correlates(r, n) or not np.ptp(truth):
        return ""
    told = "gives one answer to all of them" if math.isnan(r) else f"correlates with them by {r:.3f}"
    return f"does not follow the {n} dev values: it {told}"


def _against_set(dev: Predictions) -> str:
    rows, counted = np.unique(dev.targets[dev.known], axis=0, return_counts=True)
    always = rows[counted.argmax()]
    constant = Predictions(dev.labels, np.broadcast_to(always, dev.targets.shape), dev.targets, dev.offsets, dev.answer)
    model, guess = (class_counts(one).pooled() for one in (dev, constant))
    name = dev.names(always[None, :])[0] or "no label"
    return _against_guesses("a micro F1", model, {f"always answering {name!r} has": guess})


def _against_tags(dev: Predictions) -> str:
    model = entity_counts(dev).pooled()
    there = int(model.truths.sum())
    if not there or not model.hits.any():
        return f"finds none of the {there} entities of dev" if there else ""
    single = np.eye(len(dev.labels))
    guesses = {
        f"always answering {label!r} has": entity_counts(
            replace(dev, probabilities=np.broadcast_to(single[k], dev.probabilities.shape))
        ).pooled()
        for k, label in enumerate(dev.labels)
        if label.startswith("B-")
    }
    draw = np.random.default_rng(0)
    orders = (dev.probabilities[draw.permutation(len(dev.targets))] for _ in range(_SHUFFLES))
    shuffled = [entity_counts(replace(dev, probabilities=order)).pooled() for order in orders]
    hits, answers = (np.mean([getattr(one, kind) for one in shuffled], axis=0) for kind in ("hits", "answers"))
    guesses["the same answers in random order have"] = Counts(hits, model.truths, answers)
    return _against_guesses("an entity F1", model, guesses)


def _against_guesses(measure: str, model: Counts, guesses: Mapping[str, Counts]) -> str:
    """How an F1 fares against the highest of some guesses; empty where it is above it."""
    told, guess = max(guesses.items(), key=lambda one: _f1_parts(one[1])[0])
    if f1_beats(model, guess):
        return ""
    scores = [_f1_parts(one)[0] for one in (model, guess)]
    return f"has {measure} of {scores[0]:.3f} on dev, where {told} {scores[1]:.3f}"


def surpasses(first: Predictions, second: Predictions) -> bool:
    """Whether `first` errs less than `second` on more of the same examples than chance gives, by the sign test.

    An example's error is the number of its items, or of its labels, answered wrongly; of a value its distance.
    """
    one, other = _errors(first), _errors(second)
    wins, losses = int((one < other).sum()), int((one > other).sum())
    return beats(wins, wins + losses)


def _errors(predictions: Predictions) -> Array:
    off = np.abs(predictions.targets - predictions.answers).astype(float)
    if predictions.answer == "class":
        off = (off > 0).astype(float)
    items = np.where(predictions.known, off.sum(axis=1) if off.ndim > 1 else off, 0.0)
    return np.bincount(owners(predictions), weights=items, minlength=len(predictions))


def judge_teacher(dev: Predictions, task: Task, role: str) -> Iterator[str]:
    """What is odd about a model that is, or will be, a teacher."""
    if found := no_better_than_guessing(dev, task):
        yield (
            f"the {role} {found}: it is no better than chance, and teaches no more. Likely the labels do not belong to "
            "the texts (shifted or shuffled rows), or it was trained too briefly or at a wrong rate: look at some "
            "rows, then change finetune.epochs and finetune.learning_rate"
        )


def judge_student(dev: Predictions, teachers: Sequence[Predictions], task: Task) -> Iterator[str]:
    """What is odd about a student beside its teachers.

    Args:
        dev: The student's answers.
        teachers: Those of its teachers, on the same examples.
        task: What they answer.
    """
    score, *others = (metric_value(task.primary, one) for one in (dev, *teachers))
    if found := no_better_than_guessing(dev, task):
        weak = any(no_better_than_guessing(one, task) for one in teachers)
        cause = (
            "its teacher is no better: mend the teacher first"
            if weak
            else "it is too small, or was trained too briefly or at a wrong rate: try a larger student, more passes, "
            "or another learning_rate in its phases"
        )
        yield f"the student {found}: it is no better than chance. Likely {cause}"
    # One of several teachers is often worse than what was learnt from all of them.
    elif len(teachers) == 1 and score > others[0] and surpasses(dev, teachers[0]):
        yield (
            f"the student is better than its teacher: dev {task.primary} {score:.4f} against {others[0]:.4f}. Likely "
            "the teacher is under-trained: train it longer, or at another finetune.learning_rate, and distil again"
        )


def judge_history(history: Sequence[Mapping[str, Any]], metric: str) -> Iterator[str]:
    """What is odd about the epochs of a training: dev scores that are undefined, or all the same while the loss stays.

    Args:
        history: A record of each epoch, with `phase`, `loss` and `dev`.
        metric: The one that decides.
    """
    scores = [epoch["dev"][metric] for epoch in history]
    if None in scores:
        yield _undefined(history, metric)
    if len(scores) < _DEAD_EPOCHS or len(set(scores)) > 1:
        return
    losses: dict[str, list[float]] = {}
    for epoch in history:
        losses.setdefault(epoch["phase"], []).append(epoch["loss"])
    if all(of_phase[-1] >= (1 - _DEAD_FALL) * of_phase[0] for of_phase in losses.values()):
        yield (
            f"dev {metric} was {'undefined' if scores[0] is None else f'{scores[0]:.4f}'} after each of {len(scores)} "
            "epochs, and the loss did not fall: nothing is learnt. Likely the rate is so low that answers never "
            "change, or so high that they are all the same: change learning_rate tenfold"
        )


def _undefined(history: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Of a training after some epochs of which the metric is undefined: if not after all, answers are at fault."""
    places = [f"{epoch['phase']}, epoch {epoch['epoch']}" for epoch in history if epoch["dev"][metric] is None]
    if len(places) < len(history):
        return (
            f"dev {metric} was undefined after {len(places)} of {len(history)} epochs (first after {places[0]}): there "
            "the model gives one answer to all, and such weights are kept only if there are no others. Likely the rate "
            "is too high: lower learning_rate, or raise warmup_fraction"
        )
    return (
        f"dev {metric} was undefined after every epoch: it chose nothing, and the weights of the last one are kept. It "
        "needs dev values, and answers, that are not all the same: give a dev split whose values differ (--dev), or "
        "change learning_rate tenfold"
    )


@dataclass
class LossGuard:
    """Watches the mean loss of one phase of training, and says once of each oddity that there is.

    A fall is judged after the warm-up, between means 20 steps apart, and against the lowest mean before: what comes
    back from a bad batch has not fallen. Growth is judged against the lowest mean too, but only once half of the first
    mean is reached again, since late in a training one hard row is ten times the loss.

    Attributes:
        warmup: Steps in which the rate climbs.
        steady: Whether the loss is one function all along; where weights or temperatures ramp, it moves by itself, and
            nothing is said.
    """

    warmup: int
    steady: bool = True
    _steps: int = 0
    _window: list[tuple[int, float]] = field(default_factory=list)
    _first: float = math.nan
    _lowest: float = math.inf
    _settled: list[float] = field(default_factory=list)
    _before: float = math.inf
    _told: set[str] = field(default_factory=set)

    def look(self, steps: int, mean: float) -> str:
        """Take in some steps.

        Args:
            steps: How many there were since the last look, ≥ 1.
            mean: Of their losses.

        Returns:
            What is odd; mostly empty.
        """
        self._window.append((steps, mean))
        count = sum(n for n, _ in self._window)
        if not self.steady or count < WINDOW_STEPS:
            return ""
        loss = sum(n * value for n, value in self._window) / count
        if self._steps >= self.warmup:
            self._settled.append(loss)
        if len(self._settled) > 2:
            self._before = min(self._before, self._settled.pop(0))
        self._first = loss if math.isnan(self._first) else self._first
        self._lowest = min(self._lowest, loss)
        self._steps += count
        self._window.clear()
        return self._once("fall", self._fall(loss)) or self._once("growth", self._growth(loss))

    def state(self) -> dict[str, Any]:
        """All that it has seen, in plain values."""
        return {**vars(self), "_told": sorted(self._told)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know what another one has seen."""
        vars(self).update(state)
        self._told = set(state["_told"])

    def _once(self, kind: str, text: str) -> str:
        if not text or kind in self._told:
            return ""
        self._told.add(kind)
        return text

    def _fall(self, now: float) -> str:
        if math.isinf(self._before) or not LOSS_FACTOR * now < self._before:
            return ""
        return (
            f"the loss fell from {self._before:.3g} to {now:.3g} within 20 steps. Likely the texts give the answer "
            "away, rows repeat, or the target hardly varies: look at some rows, and at what prepare warned of"
        )

    def _growth(self, now: float) -> str:
        if not (now > LOSS_FACTOR * self._lowest and now > self._first / 2):
            return ""
        return (
            f"the loss grew from {self._lowest:.3g} to {now:.3g}. Likely the rate is too high: lower learning_rate, or "
            "raise warmup_fraction"
        )

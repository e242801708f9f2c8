"""Additive statistics of predictions, example by example: metrics and all their resamples are sums of these."""

from dataclasses import dataclass

import numpy as np

from limbeck.core.predictions import Array, Predictions

CONFIDENCE_BINS = 15
"""Equal-width bins of confidence, as in Guo et al. 2017."""
_ROUNDING = 1e-13
"""Standard deviation per size of the mean below which numbers are equal, as in `scipy.stats.pearsonr`."""


def ratio(part: Array, whole: Array, empty: float = 0.0) -> Array:
    """`part / whole`, and `empty` where the whole is 0."""
    result: Array = np.divide(part, whole, out=np.full(np.shape(part), empty), where=np.asarray(whole) != 0)
    return result


@dataclass(frozen=True)
class Counts:
    """Right answers, true cases and given answers, all `[examples or draws, classes]` (or `[…]` once pooled)."""

    hits: Array
    truths: Array
    answers: Array

    def weighted(self, weights: Array) -> "Counts":
        """Sums over examples under weights `[draws, examples]`."""
        return Counts(weights @ self.hits, weights @ self.truths, weights @ self.answers)

    def pooled(self) -> "Counts":
        """Sums over classes, from which micro averages are made."""
        return Counts(self.hits.sum(-1), self.truths.sum(-1), self.answers.sum(-1))

    @property
    def precision(self) -> Array:
        """Share of the answers that are right."""
        return ratio(self.hits, self.answers)

    @property
    def recall(self) -> Array:
        """Share of the true cases that are found."""
        return ratio(self.hits, self.truths)

    @property
    def f1(self) -> Array:
        """Harmonic mean of precision and recall."""
        return ratio(2 * self.hits, self.truths + self.answers)

    def macro(self, scores: Array) -> Array:
        """Mean of `scores` over the classes that occur among truths or answers, as scikit-learn averages."""
        present = self.truths + self.answers > 0
        return ratio((scores * present).sum(-1), present.sum(-1))


def owners(predictions: Predictions) -> Array:
    """`[items]`, the example that each item belongs to."""
    return np.repeat(np.arange(len(predictions)), np.diff(predictions.offsets))


def known(predictions: Predictions) -> tuple[Array, Array]:
    """Targets and answers of the items whose target is known."""
    return predictions.targets[predictions.known], predictions.answers[predictions.known]


def right_items(predictions: Predictions) -> Array:
    """`[items]`, whether an item's target is known and answered rightly; of several labels, every one."""
    equal = predictions.targets == predictions.answers
    return np.asarray(predictions.known & (equal.all(axis=1) if equal.ndim > 1 else equal))


def rights(predictions: Predictions) -> Array:
    """`[examples]`, whether every item with a known target is answered rightly."""
    return _without(predictions, predictions.known & ~right_items(predictions))


def spread(rows: Array, columns: Array, shape: tuple[int, int], values: Array | None = None) -> Array:
    """A matrix in which each `values[i]` (1 if not given) was added at `(rows[i], columns[i])`.

    >>> spread(np.array([0, 1, 1]), np.array([1, 0, 0]), (2, 2)).tolist()
    [[0.0, 1.0], [2.0, 0.0]]
    """
    flat = np.bincount(rows * shape[1] + columns, weights=values, minlength=shape[0] * shape[1])
    return flat.astype(float).reshape(shape)


def class_counts(predictions: Predictions) -> Counts:
    """Counts of each label in each example, over items whose target is known."""
    mask, shape = predictions.known, (len(predictions), len(predictions.labels))
    rows, (truth, answer) = owners(predictions)[mask], known(predictions)
    if predictions.answer == "classes":
        return Counts(*(_put(rows, values, shape) for values in (truth * answer, truth, answer)))
    hit = truth == answer
    return Counts(spread(rows[hit], truth[hit], shape), spread(rows, truth, shape), spread(rows, answer, shape))


def _put(rows: Array, values: Array, shape: tuple[int, int]) -> Array:
    """A matrix of zeros but for some rows."""
    found = np.zeros(shape)
    found[rows] = values
    return found


def occurring(predictions: Predictions) -> Array:
    """Indices of the labels that occur among known truths or their answers: those that macro averages are over."""
    counts = class_counts(predictions)
    return np.flatnonzero((counts.truths + counts.answers).sum(0))


def confusion(predictions: Predictions) -> Array:
    """`[labels, labels]`: how many items of each true label (row) got each answer (column)."""
    truth, answer = known(predictions)
    width = len(predictions.labels)
    return spread(truth, answer, (width, width)).astype(int)


def entity_types(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The entity types of IOB2 labels, in the order in which they first occur.

    >>> entity_types(("O", "B-LOC", "I-LOC", "B-PER"))
    ('LOC', 'PER')
    """
    return tuple(dict.fromkeys(label[2:] for label in labels if label != "O"))


def entities(predictions: Predictions, items: Array) -> Array:
    """Entities spelled by `items` (label indices), strictly by IOB2: a `B-X` and the `I-X` that follow it.

    Returns:
        `[entities, 3]`: first item, item after the last, index of the type.
    """
    types = entity_types(predictions.labels)
    kinds = np.array([-1 if label == "O" else types.index(label[2:]) for label in predictions.labels])[items]
    begins, inside = (np.array([label.startswith(mark) for label in predictions.labels])[items] for mark in ("B", "I"))
    follows = np.zeros(len(items), dtype=bool)
    follows[1:] = inside[1:] & (kinds[1:] == kinds[:-1])
    first_items = predictions.offsets[:-1]
    follows[first_items[first_items < len(items)]] = False
    breaks = np.append(np.flatnonzero(~follows), len(items))
    starts = np.flatnonzero(begins)
    ends = breaks[np.searchsorted(breaks, starts, side="right")]
    return np.stack([starts, ends, kinds[starts]], axis=1)


def entity_counts(predictions: Predictions) -> Counts:
    """Counts of each entity type in each example; an example with an unknown tag counts for nothing."""
    owner, sure = owners(predictions), _fully_known(predictions)
    truth, answer = (
        {(start, end, kind) for start, end, kind in entities(predictions, items).tolist() if sure[owner[start]]}
        for items in (predictions.targets, predictions.answers)
    )
    found = [np.array(sorted(group), dtype=int).reshape(-1, 3) for group in (truth & answer, truth, answer)]
    shape = (len(predictions), len(entity_types(predictions.labels)))
    return Counts(*(spread(owner[group[:, 0]], group[:, 2], shape) for group in found))


def known_tags(predictions: Predictions) -> tuple[list[list[str]], list[list[str]]]:
    """Label names of targets and of answers, one list per example, without examples that have an unknown tag."""
    sure = np.flatnonzero(_fully_known(predictions))
    truth, answer = predictions.tags(predictions.targets), predictions.tags(predictions.answers)
    return [truth[i] for i in sure], [answer[i] for i in sure]


def _fully_known(predictions: Predictions) -> Array:
    return _without(predictions, predictions.targets < 0)


def _without(predictions: Predictions, items: Array) -> Array:
    """`[examples]`, whether an example holds none of the items of a mask."""
    none: Array = np.bincount(owners(predictions)[items], minlength=len(predictions)) == 0
    return none


@dataclass(frozen=True)
class Confidence:
    """Sums by bin of confidence, all `[examples or draws, bins]`: right answers, confidences and items."""

    rights: Array
    confidences: Array
    items: Array

    @classmethod
    def of(cls, predictions: Predictions) -> "Confidence":
        """Sums for each example over its items with a known target; a bin holds (lower, upper]."""
        mask = predictions.targets >= 0
        rows, (truth, answer) = owners(predictions)[mask], known(predictions)
        sure = predictions.probabilities[mask].max(1, initial=0).astype(float)
        bins = (np.ceil(sure * CONFIDENCE_BINS).astype(int) - 1).clip(0, CONFIDENCE_BINS - 1)
        shape = (len(predictions), CONFIDENCE_BINS)
        return cls(*(spread(rows, bins, shape, values) for values in (truth == answer, sure, None)))

    def weighted(self, weights: Array) -> "Confidence":
        """Sums over examples under weights `[…, examples]`."""
        return Confidence(weights @ self.rights, weights @ self.confidences, weights @ self.items)


def correlation(x: Array, y: Array, weights: Array) -> Array:
    """Pearson's r `[draws]` of `x` and `y`, `[items]` or `[draws, items]`, under weights `[draws, items]`.

    nan where either does not vary.

    >>> correlation(np.array([1.0, 2, 3]), np.array([2.0, 4, 7]), np.array([[1, 1, 0], [1, 0, 0]])).tolist()
    [1.0, nan]
    """
    moments = Moments.of(x, y, weights)
    return ratio(moments.together, np.sqrt(moments.of_x * moments.of_y), empty=np.nan)


@dataclass(frozen=True)
class Moments:
    """Weighted means, variances and covariance, all `[draws]`; variances of what does not vary are exactly 0."""

    mean_x: Array
    mean_y: Array
    of_x: Array
    of_y: Array
    together: Array

    @classmethod
    def of(cls, x: Array, y: Array, weights: Array) -> "Moments":
        """Moments of `x` and `y`, `[items]` or `[draws, items]`, under weights `[draws, items]`."""
        total = weights.sum(1)
        mean_x, mean_y = (ratio((weights * v).sum(1), total) for v in (x, y))
        off_x, off_y = x - mean_x[:, None], y - mean_y[:, None]
        of_x, of_y, together = (
            ratio((weights * product).sum(1), total) for product in (off_x**2, off_y**2, off_x * off_y)
        )
        # What is left of equal numbers by rounding is no variance.
        of_x, of_y = (np.where(v > (_ROUNDING * m) ** 2, v, 0.0) for v, m in ((of_x, mean_x), (of_y, mean_y)))
        return cls(mean_x, mean_y, of_x, of_y, together)


def values(predictions: Predictions, weights: Array) -> tuple[Array, Array, Array]:
    """Known truths and answers `[items]` in double precision, and their weights `[draws, items]`, those of examples."""
    truth, answer = known(predictions)
    return truth.astype(float), answer.astype(float), weights[:, owners(predictions)[predictions.known]]

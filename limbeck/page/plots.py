"""The drawings of the report: each function takes plain numbers and gives a `Figure`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.core.measurement import Measurement
from limbeck.core.predictions import Array, Predictions
from limbeck.evidence.calibration import reliability
from limbeck.evidence.table import metric_name
from limbeck.page.figures import INK, LINE, MUTED, SERIES, Figure, Key, draw, series, shown
from limbeck.text.statistics import known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE_POINTS = 200
_CELL_INCHES = 0.36
_SCATTER_POINTS = 400
_MARKED_POINTS = 30
"""Lines of more points are drawn without markers."""
_WIDE = 30
"""How many times the least loss the largest must be for a logarithmic scale."""


def trade(
    title: str, label: str, costs: Mapping[str, float], scores: Mapping[str, Measurement], roles: Sequence[str]
) -> Figure:
    """A score against what it costs, with the score's interval as a bar; up and left is better."""

    def paint(axes: "Axes") -> None:
        for i, role in enumerate(roles):
            if role in costs and role in scores:
                m = scores[role]
                factor = 100 if m.unit == "fraction" else 1
                low, high = (m.value if end is None else end for end in (m.low, m.high))
                bar = factor * np.array([[m.value - low], [high - m.value]])
                place = (costs[role], factor * m.value)
                axes.errorbar(*place, yerr=bar.clip(0), **series(i), markersize=8, elinewidth=1.6, capsize=3)
                axes.annotate(shown(role), place, (7, 7), textcoords="offset points", color=INK)
        axes.set_xlim(0, 1.28 * max(costs.values()))
        axes.margins(y=0.12)
        axes.set_xlabel(label)
        axes.set_ylabel(_axis_name(next(iter(scores.values()))))

    return draw(title, paint)


def spreads(title: str, means: Mapping[str, Measurement], single: Mapping[str, Sequence[float]]) -> Figure:
    """Means with their intervals, one below the other, and faintly the single values behind each."""

    def paint(axes: "Axes") -> None:
        factor = 100 if next(iter(means.values())).unit == "fraction" else 1
        for i, (name, m) in enumerate(means.items()):
            low, high = (m.value if end is None else end for end in (m.low, m.high))
            bar = factor * np.array([[m.value - low], [high - m.value]])
            values = factor * np.array(single[name])
            axes.scatter(values, np.full(len(values), -i - 0.24), 12, color=SERIES[i % len(SERIES)], alpha=0.45)
            axes.errorbar(factor * m.value, -i, xerr=bar.clip(0), **series(i), markersize=8, elinewidth=1.6, capsize=3)
        axes.set_yticks([-i for i in range(len(means))], [shown(name) for name in means], color=INK)
        axes.set_ylim(0.6 - len(means), 0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(_axis_name(next(iter(means.values()))))

    note = "Large: the mean over seeds with its 95 % interval. Small: each seed by itself."
    return draw(title, paint, size=(4.0, 0.8 + 0.42 * len(means)), note=note)


def class_scores(scores: Mapping[str, Array], classes: Sequence[str]) -> Figure:
    """F1 of each class, a dot for each model: `scores[role]` is `[classes]`."""

    def paint(axes: "Axes") -> None:
        places = np.arange(len(classes))[::-1]
        table = np.stack(list(scores.values()))
        axes.hlines(places, 100 * table.min(0), 100 * table.max(0), color=LINE, linewidth=3)
        for i, values in enumerate(scores.values()):
            axes.plot(100 * values, places, linestyle="none", **series(i), alpha=0.9)
        axes.set_yticks(places, [shown(c) for c in classes], color=INK)
        axes.set_ylim(-0.6, len(classes) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("F1, %")

    keys = tuple(Key(i, role) for i, role in enumerate(scores))
    return draw("F1 of each class", paint, size=(4.0, 0.8 + 0.26 * len(classes)), keys=keys)


def confusion_matrix(role: str, number: int, counts: Array, classes: Sequence[str]) -> Figure:
    """Counts `[true, answered]`, each row shaded by its shares."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    small = len(classes) > 10

    def paint(axes: "Axes") -> None:
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        cells = [Rectangle((column - 0.48, row - 0.48), 0.96, 0.96) for row, column in np.ndindex(counts.shape)]
        colour, shade = SERIES[number % len(SERIES)], 0.05 + 0.55 * shares.ravel()
        axes.add_collection(PatchCollection(cells, facecolor=colour, alpha=shade, linewidth=0))
        for (row, column), count in np.ndenumerate(counts):
            if count or not small:
                weight = "bold" if row == column else "normal"
                axes.text(
                    column, row, f"{count}", ha="center", va="center", fontsize=7 if small else 9, fontweight=weight
                )
        ticks = np.arange(len(classes))
        axes.set_xticks(ticks, [shown(c) for c in classes], rotation=0 if len(classes) < 4 else 90)
        axes.set_yticks(ticks, [shown(c) for c in classes])
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), aspect="equal")
        axes.set(xlabel="answer", ylabel="truth")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)

    side = max(3.4, 1.3 + _CELL_INCHES * len(classes))
    return draw(f"Confusion matrix: {role}", paint, size=(side, side))


def roc(predictions: Mapping[str, Predictions], areas: Mapping[str, Measurement]) -> Figure:
    """ROC curves of the second of two labels."""
    from sklearn.metrics import roc_curve

    def paint(axes: "Axes") -> None:
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        for i, one in enumerate(predictions.values()):
            known = one.targets >= 0
            false, true, _ = roc_curve(one.targets[known] == 1, one.probabilities[known, 1])
            kept = _thinned(len(false))
            axes.plot(100 * false[kept], 100 * true[kept], color=SERIES[i % len(SERIES)], alpha=0.9)
        axes.set(xlim=(-1, 101), ylim=(-1, 101), aspect="equal")
        axes.set(xlabel="false alarms, % of the others", ylabel="found, % of the positives")

    labels = next(iter(predictions.values())).labels
    keys = tuple(Key(i, role, areas[role].text() if role in areas else "") for i, role in enumerate(predictions))
    note = f"Positive is “{shown(labels[1])}”. Beside each model the area under its curve in %, with its 95 % interval."
    return draw("ROC", paint, size=(3.7, 3.5), note=note, keys=keys)


def calibration(predictions: Mapping[str, Predictions], errors: Mapping[str, Measurement]) -> Figure:
    """Share of right answers against confidence; on the diagonal a model is as sure as it should be."""

    def paint(axes: "Axes") -> None:
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        for i, one in enumerate(predictions.values()):
            curve = reliability(one)
            sizes = 12 + 70 * np.sqrt(curve.items / curve.items.sum())
            confidence, accuracy = 100 * curve.confidence, 100 * curve.accuracy
            axes.plot(confidence, accuracy, color=SERIES[i % len(SERIES)], linewidth=1, alpha=0.7)
            axes.scatter(confidence, accuracy, sizes, **series(i), alpha=0.85, linewidths=0)
        lowest = min(float(reliability(one).confidence.min()) for one in predictions.values())
        axes.set(xlim=(100 * max(0, lowest - 0.05), 101), ylim=(-2, 102))
        axes.set(xlabel="confidence, %", ylabel="right, %")

    keys = tuple(Key(i, role, errors[role].text() if role in errors else "") for i, role in enumerate(predictions))
    note = "Larger dots stand for more answers. Beside each model its expected calibration error in % (15 bins)."
    return draw("Calibration", paint, size=(3.7, 3.5), note=note, keys=keys)


def estimates(role: str, number: int, predictions: Predictions) -> Figure:
    """Estimates against truths; on the dashed line they are equal."""
    truth, answer = known(predictions)
    kept = np.unique(np.linspace(0, len(truth) - 1, min(_SCATTER_POINTS, len(truth))).round().astype(int))

    def paint(axes: "Axes") -> None:
        ends = [min(truth.min(), answer.min()), max(truth.max(), answer.max())]
        axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.scatter(truth[kept], answer[kept], 14, **series(number), alpha=0.45, linewidths=0)
        axes.set(xlabel="truth", ylabel="estimate", aspect="equal")

    note = f"{len(kept)} of {len(truth):,} examples." if len(kept) < len(truth) else ""
    return draw(f"Estimates: {role}", paint, size=(3.7, 3.5), note=note)


def loss_curves(role: str, history: Sequence[Mapping[str, Any]]) -> Figure:
    """The sum and the terms of the training loss, epoch by epoch."""
    names = list(dict.fromkeys(name for record in history for name in record.get("terms", {})))
    lines = {"loss": [record.get("loss") for record in history]} if len(names) != 1 else {}
    lines |= {name: [record.get("terms", {}).get(name) for record in history] for name in names}
    starts = [at for at, record in enumerate(history) if not at or record.get("phase") != history[at - 1].get("phase")]

    def paint(axes: "Axes") -> None:
        for i, line in enumerate(lines.values()):
            axes.plot(*_epochs(line), **series(i), markersize=4)
        axes.set(xlabel="epoch", ylabel="loss")
        _scale(axes, [v for line in lines.values() for v in line if v is not None])
        _whole_numbers(axes)
        _mark_phases(axes, [(at + 0.5 if at else 1, str(history[at].get("phase"))) for at in starts])

    return draw(f"Training loss: {role}", paint, keys=tuple(Key(i, name) for i, name in enumerate(lines)))


def dev_curves(
    history: Mapping[str, Sequence[Mapping[str, Any]]], primary: str, unit: str, roles: Sequence[str]
) -> Figure | None:
    """The deciding metric on dev, epoch by epoch, of all models that were trained; fractions in percent."""
    factor, sign = (100, ", %") if unit == "fraction" else (1, "")
    lines = {role: [record.get("dev", {}).get(primary) for record in records] for role, records in history.items()}
    lines = {role: line for role, line in lines.items() if any(v is not None for v in line)}
    if not lines:
        return None

    def paint(axes: "Axes") -> None:
        for role, line in lines.items():
            at, values = _epochs(line)
            axes.plot(at, factor * values, **series(roles.index(role)), markersize=4)
        axes.set(xlabel="epoch", ylabel=f"{metric_name(primary)} on dev{sign}")
        _whole_numbers(axes)

    return draw("Dev score", paint, keys=tuple(Key(roles.index(role), role) for role in lines))


def step_curves(
    title: str,
    labels: tuple[str, str],
    lines: Mapping[str, Sequence[tuple[float, float]]],
    phases: Sequence[tuple[float, str]],
) -> Figure:
    """What was measured in the course of a training.

    Args:
        title: What is shown.
        labels: What is counted, as steps; and what the values are, fractions where it ends in a percent sign.
        lines: Name → (count by then, value).
        phases: The count where each phase of the training begins, and its name.
    """
    factor = 100 if labels[1].endswith("%") else 1
    places = {name: np.array(line, dtype=float).reshape(-1, 2)[_thinned(len(line))] for name, line in lines.items()}

    def paint(axes: "Axes") -> None:
        for i, line in enumerate(places.values()):
            mark = {"markersize": 4} if len(line) < _MARKED_POINTS else {"marker": ""}
            axes.plot(line[:, 0], factor * line[:, 1], **{**series(i), **mark})
        axes.set(xlabel=labels[0], ylabel=labels[1])
        if factor == 1:
            _scale(axes, np.concatenate([line[:, 1] for line in places.values()]))
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        _whole_numbers(axes)
        _mark_phases(axes, phases if len(phases) > 1 else ())

    return draw(title, paint, keys=tuple(Key(i, name) for i, name in enumerate(lines)))


def _scale(axes: "Axes", values: Sequence[float] | Array) -> None:
    """A logarithmic scale for losses of many sizes."""
    if len(values) and min(values) > 0 and max(values) > _WIDE * min(values):
        axes.set_yscale("log")  # the default labels of powers are mathematics, which is not parsed here
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")


def _mark_phases(axes: "Axes", phases: Sequence[tuple[float, str]]) -> None:
    """Marks where phases of the training begin; the first has no line."""
    place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    for number, (at, name) in enumerate(phases):
        if number:
            axes.axvline(at, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.annotate(shown(name), (at, 1), (0, 4), **place, color=MUTED, fontsize=8)


def _whole_numbers(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _epochs(line: Sequence[float | None]) -> tuple[Array, Array]:
    """Places from 1 and values of what was recorded, thinned."""
    pairs = np.array([(at, v) for at, v in enumerate(line, 1) if v is not None], dtype=float).reshape(-1, 2)
    kept = pairs[_thinned(len(pairs))]
    return kept[:, 0], kept[:, 1]


def _thinned(points: int) -> Array:
    """Indices of at most `_CURVE_POINTS` of so many points, both ends among them."""
    if points <= _CURVE_POINTS:
        return np.arange(points)
    return np.unique(np.linspace(0, points - 1, _CURVE_POINTS).round().astype(int))


def _axis_name(m: Measurement) -> str:
    return metric_name(m.metric) + (", %" if m.unit == "fraction" else "")

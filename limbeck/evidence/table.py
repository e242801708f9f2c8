"""The table of models that `compress` prints last, and that report and card repeat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limbeck.core.measurement import Measurement, find

MISSING = "–"
Rows = list[tuple[str, ...]]
"""Heads first, then one row for each model; cells are text."""


@dataclass(frozen=True)
class _Column:
    head: str
    metric: str
    cell: Callable[[Measurement], str]


def metric_name(metric: str) -> str:
    """A metric for people.

    >>> metric_name("macro_f1"), metric_name("roc_auc"), metric_name("accuracy")
    ('macro F1', 'ROC AUC', 'accuracy')
    """
    words = {"f1": "F1", "roc": "ROC", "auc": "AUC", "mcc": "MCC", "ece": "ECE", "mse": "MSE", "mae": "MAE"}
    words |= {"pearson": "Pearson correlation", "spearman": "Spearman correlation"}
    return " ".join(words.get(word, word) for word in metric.split("_"))


def parameters_text(count: float) -> str:
    """A number of parameters.

    >>> parameters_text(22_713_216), parameters_text(8_400)
    ('22.7 M', '8.4 k')
    """
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.1f} k"


def size_text(size_bytes: float) -> str:
    """A size in decimal megabytes, as file managers and hubs count.

    >>> size_text(16_712_345), size_text(21_000)
    ('16.7 MB', '0.02 MB')
    """
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e6:.2f} MB"


def milliseconds_text(latency_ms: float) -> str:
    """A latency with three figures.

    >>> milliseconds_text(1.234), milliseconds_text(23.45), milliseconds_text(345.6)
    ('1.23 ms', '23.4 ms', '346 ms')
    """
    digits = 2 if latency_ms < 10 else 1 if latency_ms < 100 else 0
    return f"{latency_ms:.{digits}f} ms"


def seconds_text(seconds: float) -> str:
    """A time for people.

    >>> seconds_text(3.21), seconds_text(754), seconds_text(9000)
    ('3.2 s', '12.6 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def score_text(m: Measurement) -> str:
    """A metric with its interval: fractions in percent, losses with four figures, others with three decimals."""
    if m.unit == "loss":
        return f"{m.value:.4g}"
    return m.text(1 if m.unit == "fraction" else 3)


def _columns(scores: Sequence[str]) -> tuple[_Column, ...]:
    return (
        _Column("parameters", "parameters", lambda m: parameters_text(m.value)),
        _Column("size", "size_bytes", lambda m: size_text(m.value)),
        *(_Column(metric_name(score), score, score_text) for score in scores),
        _Column("retention", "retention", lambda m: f"{100 * m.value:.1f} %"),
        _Column("p50", "latency_p50", lambda m: milliseconds_text(m.value)),
        _Column("p95", "latency_p95", lambda m: milliseconds_text(m.value)),
        _Column("sentences/s", "throughput", lambda m: f"{m.value:,.0f}"),
        _Column("speed-up", "speedup", lambda m: f"{m.value:.1f}×"),
        _Column("training", "training_seconds", lambda m: seconds_text(m.value)),
        _Column("tokens/s", "training_speed", lambda m: f"{m.value:,.0f}"),
    )


def rows(measurements: Sequence[Measurement], roles: Sequence[str], *scores: str) -> Rows:
    """Heads and one row for each role; a column that no role has a number for is left out.

    Args:
        measurements: Of evaluation and benchmark together, or of a training on raw text.
        roles: Models in the order in which they are to stand.
        *scores: The metric that decides, or several that tell something together.
    """
    columns = [c for c in _columns(scores) if any(find(measurements, role, c.metric) for role in roles)]
    body = [
        (role, *(c.cell(m) if (m := find(measurements, role, c.metric)) else MISSING for c in columns))
        for role in roles
    ]
    return [("model", *(c.head for c in columns)), *body]


def across(table: Rows) -> Rows:
    """The table with a column for each model, which fits a phone.

    >>> across([("model", "size"), ("a", "1"), ("b", "2")])
    [('model', 'a', 'b'), ('size', '1', '2')]
    """
    return list(zip(*table, strict=True))


def render_text(table: Rows) -> str:
    """The table as aligned text: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in table
    ]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])

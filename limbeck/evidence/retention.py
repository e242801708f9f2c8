"""What is kept of another model's score."""

from limbeck.core.shelf import shelf


def retention(value: float, base: float, metric: str) -> float | None:
    """A score over that of a baseline; None where that tells nothing.

    It tells nothing of metrics of which less is better, as an error half again as large is not "150 % kept"; nor where
    the baseline is not above 0.

    Args:
        value: The score.
        base: The baseline's.
        metric: Name of the metric.

    >>> retention(0.45, 0.5, "accuracy"), retention(0.6, 0.5, "mae"), retention(0.2, -0.1, "mcc")
    (0.9, None, None)
    """
    better = shelf("metrics").build(shelf("metrics").parse(metric, "metrics")).higher_is_better
    return value / base if better and base > 0 else None

"""One measured number, the only form in which numbers are printed, plotted, gated or stored."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limbeck.core.errors import BundleError
from limbeck.core.files import read_json, write_json


@dataclass(frozen=True)
class Measurement:
    """A value with what it is of.

    Attributes:
        model: Role of the measured model: `teacher`, `student`, `bundle`, …
        metric: Metric name, as `accuracy` or `latency_p50`.
        value: The number.
        unit: `fraction`, `ms`, `bytes`, `parameters`, `sentences/s`, `ratio`, `p-value`, …
        split: `train`, `dev`, `test`, or empty where no data is involved.
        n: How many examples (or repetitions) stand behind the value; 0 for exact counts.
        low: Lower end of the 95 % interval, if one was computed.
        high: Upper end.
    """

    model: str
    metric: str
    value: float
    unit: str
    split: str = ""
    n: int = 0
    low: float | None = None
    high: float | None = None

    def text(self, digits: int = 1) -> str:
        """The value for people with its interval; fractions as percentages."""
        factor = 100 if self.unit == "fraction" else 1
        body = f"{factor * self.value:,.{digits}f}"
        if self.low is None or self.high is None:
            return body
        return f"{body} [{factor * self.low:,.{digits}f}, {factor * self.high:,.{digits}f}]"


def write_measurements(path: Path, measurements: Iterable[Measurement]) -> None:
    """Store a list of measurements as JSON, atomically."""
    write_json(path, [asdict(m) for m in measurements])


def read_measurements(path: Path) -> list[Measurement]:
    """Read what `write_measurements` wrote.

    Raises:
        BundleError: The file is missing or is not a list of measurements.
    """
    try:
        rows: list[dict[str, Any]] = read_json(path)
        return [Measurement(**row) for row in rows]
    except (BundleError, TypeError) as error:
        raise BundleError(f"{path}: not a list of measurements ({error}); run `limbeck evaluate` again") from None


def find(measurements: Iterable[Measurement], model: str, metric: str, split: str | None = None) -> Measurement | None:
    """The first measurement that matches, or None."""
    for m in measurements:
        if m.model == model and m.metric == metric and split in (None, m.split):
            return m
    return None

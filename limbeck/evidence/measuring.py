"""Everything there is to say in numbers about several models' answers to the same examples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from limbeck.core.measurement import Measurement
from limbeck.core.predictions import Array, Predictions
from limbeck.core.shelf import shelf
from limbeck.evidence.comparison import agreement, agreement_metric, answers_of, mcnemar
from limbeck.evidence.resampling import interval, resample
from limbeck.evidence.retention import retention
from limbeck.text.port import Metric


@dataclass(frozen=True)
class Measuring:
    """Measures models on the same examples.

    Attributes:
        predictions: Role → answers; each model is compared with all that stand before it.
        metrics: Keys on the metrics shelf.
        primary: The one of which models keep a part.
        baseline: The role of whose primary metric they keep it.
        split: Where the examples come from.
        draws: Bootstrap resamples behind each interval.
        seed: Seed of the resamples.
    """

    predictions: Mapping[str, Predictions]
    metrics: Sequence[str]
    primary: str
    baseline: str = "teacher"
    split: str = "test"
    draws: int = 1000
    seed: int = 0

    def measurements(self) -> list[Measurement]:
        """All metrics, what is kept of the baseline, agreement and McNemar's test, each with what can be had of it.

        McNemar's test is of right answers, which values are not.
        """
        return [m for role in self.predictions for part in (self._own, self._kept, self._beside) for m in part(role)]

    def undefined(self) -> list[tuple[str, str]]:
        """Role and metric where these rows define no value, as ROC AUC where they hold a single class."""
        return [(role, name) for role, values in self._values.items() for name in self.metrics if name not in values]

    @cached_property
    def _values(self) -> dict[str, dict[str, float]]:
        found = {
            role: {name: _metric(name).value(predictions) for name in self.metrics}
            for role, predictions in self.predictions.items()
        }
        return {role: {k: v for k, v in values.items() if np.isfinite(v)} for role, values in found.items()}

    @cached_property
    def _draws(self) -> dict[str, dict[str, Array]]:
        return {
            role: resample({n: _metric(n) for n in self._values[role]}, predictions, self.draws, self.seed)
            for role, predictions in self.predictions.items()
        }

    def _own(self, role: str) -> Iterator[Measurement]:
        for name, value in self._values[role].items():
            yield self._measurement(role, name, value, _metric(name).unit, self._draws[role][name])

    def _kept(self, role: str) -> Iterator[Measurement]:
        base, own = (self._values.get(r, {}).get(self.primary) for r in (self.baseline, role))
        if base is not None and own is not None and (kept := retention(own, base, self.primary)) is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                draws = self._draws[role][self.primary] / self._draws[self.baseline][self.primary]
            yield self._measurement(role, "retention", kept, "ratio", draws)

    def _beside(self, role: str) -> Iterator[Measurement]:
        own = self.predictions[role]
        metric = agreement_metric(own.answer)
        for name in list(self.predictions)[: list(self.predictions).index(role)]:
            other = self.predictions[name]
            same = answers_of(own, other)
            draws = resample({"": metric}, same, self.draws, self.seed)[""]
            if np.isfinite(share := agreement(own, other)):
                yield self._measurement(role, f"agreement_with_{name}", share, metric.unit, draws)
            if own.answer != "value":
                p = mcnemar(other, own)
                yield Measurement(role, f"mcnemar_p_against_{name}", p, "p-value", self.split, len(own))

    def _measurement(self, role: str, metric: str, value: float, unit: str, draws: Array) -> Measurement:
        low, high = interval(draws)
        return Measurement(role, metric, value, unit, self.split, len(self.predictions[role]), low, high)


def _metric(name: str) -> Metric:
    metric: Metric = shelf("metrics").build(shelf("metrics").parse(name, "metrics"))
    return metric

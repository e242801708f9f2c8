"""The same recipes, or the same encoders, on several data sets: a score for each, and their mean as benchmarks take it.

The mean over data sets is taken within each seed, and only of seeds that were finished on all of them, so that no
recipe gains by what it left out. As on GLUE (Wang et al. 2019, arXiv:1804.07461) a correlation counts as a fraction.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Any

from limbeck.core.measurement import Measurement
from limbeck.evidence.repeats import RUN, Repeats, Trial
from limbeck.evidence.table import MISSING, Rows, metric_name, render_text, score_text

MEAN = "mean"
"""What the mean score over data sets is called, where others name a metric."""
_ALIKE = {"fraction", "coefficient"}
"""Units whose values may be averaged with one another: their best is 1."""
_COSTS: Mapping[tuple[str, str], Callable[[Iterable[float]], float]] = {
    ("student", "training_seconds"): fsum,
    (RUN, "seconds"): fsum,
    ("student", "parameters"): max,
    ("student", "size_bytes"): max,
}
"""Costs, and what those on several data sets come to: time adds up, models differ by their heads alone."""


@dataclass(frozen=True)
class Across:
    """Trials on one data set or several.

    Attributes:
        sets: What a data set is called → the trials on it.
    """

    sets: Mapping[str, Repeats]

    @property
    def first(self) -> Repeats:
        """The trials on the first data set."""
        return next(iter(self.sets.values()))

    @cached_property
    def deciding(self) -> Repeats:
        """What tells which recipe is best: the only data set, or the means over all."""
        if len(self.sets) == 1:
            return self.first
        first = self.first
        trials = [self._overall(t.recipe, t.seed) for t in first.trials]
        return Repeats(first.recipes, MEAN, [t for t in trials if t], first.noun, first.higher)

    @property
    def alike(self) -> bool:
        """Whether the mean of the scores means anything."""
        found = [m for of in self.sets.values() for t in of.trials if (m := t.find("student", of.primary))]
        return {m.unit for m in found} <= _ALIKE and len({of.higher for of in self.sets.values()}) == 1

    def _overall(self, recipe: str, seed: int) -> Trial | None:
        """What a recipe reached with a seed on all data sets; None if a run is missing."""
        runs = [t for of in self.sets.values() for t in of.of(recipe) if t.seed == seed]
        if len(runs) < len(self.sets):
            return None
        found, models = [], {role: " ".join(t.models.get(role, "") for t in runs) for role in runs[0].models}
        for role in models:
            scores = [t.find(role, of.primary) for t, of in zip(runs, self.sets.values(), strict=True)]
            found += _mean_of(scores, MEAN, "fraction") if self.alike else []
            found += _mean_of([t.find(role, "retention") for t in runs], "retention", "ratio")
        for (role, metric), joined in _COSTS.items():
            if all(costs := [t.find(role, metric) for t in runs]):
                known = [m for m in costs if m]
                found.append(Measurement(role, metric, joined(m.value for m in known), known[0].unit))
        return Trial(recipe, seed, found, models)

    def table(self) -> Rows:
        """Heads and one row for each recipe: of several data sets the score on each, and then their mean."""
        if len(self.sets) == 1:
            return self.first.table()
        columns = list(zip(*(self._row(recipe) for recipe in self.first.recipes), strict=True))
        told = [column for column in columns if any(cell != MISSING for _, cell in column)]
        heads = tuple(column[0][0] for column in told)
        return [heads, *zip(*([cell for _, cell in column] for column in told), strict=True)]

    def _row(self, recipe: str) -> list[tuple[str, str]]:
        """Heads with their cells: data sets may be called as other columns are."""
        scores = [(name, of.mean(recipe, "student", of.primary)) for name, of in self.sets.items()]
        whole, decides = self.deciding.row(recipe), self.deciding.score_head
        return [
            (self.first.noun, recipe),
            ("seeds", whole["seeds"]),
            *((name, score_text(m) if m else MISSING) for name, m in scores),
            (MEAN, whole[decides]),
            *((head, whole[head]) for head in ("retention", "training", "whole", "parameters", "size")),
        ]

    def caption(self) -> str:
        """What the numbers of the table are."""
        if len(self.sets) == 1:
            return self.first.caption()
        metrics = ", ".join(f"{metric_name(of.primary)} on {name}" for name, of in self.sets.items())
        most = max(len(of.of(recipe)) for of in self.sets.values() for recipe in of.recipes)
        what = "means over seeds [95 % intervals]" if most > 1 else "one seed each, which allows no interval"
        return f"Scores: {metrics}; {what}; {MEAN} and cost of seeds finished on all"

    def text(self) -> str:
        """The tables for a terminal."""
        tables = [render_text(rows) for rows in (self.table(), self.deciding.gains()) if rows]
        return "\n\n".join([self.caption(), *tables])

    def plain(self) -> list[dict[str, Any]]:
        """Every measurement with its data set; the means over all data sets, whose `data` is null, come last."""
        own = [{"data": name, **row} for name, of in self.sets.items() for row in of.plain()]
        return own + ([{"data": None, **row} for row in self.deciding.plain()] if len(self.sets) > 1 else [])


def _mean_of(found: Sequence[Measurement | None], metric: str, unit: str) -> list[Measurement]:
    """The mean of one measurement for each data set; nothing if one is missing."""
    known = [m for m in found if m]
    if len(known) < len(found):
        return []
    return [Measurement(known[0].model, metric, fsum(m.value for m in known) / len(known), unit, "", len(known))]

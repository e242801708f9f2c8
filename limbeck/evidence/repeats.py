"""Recipes repeated over seeds on the same data: means, how far they could be off, and which recipe is really better.

A seed is a repetition: it decides fresh weights, the order of rows, dropout, and the split where none was given. The
interval of a mean is Student's, m ± t₀.₉₇₅(n - 1) · s / √n (Student 1908, doi:10.1093/biomet/6.1.1). Two recipes are
compared by the differences within each seed, whose data and teacher they share (the paired t interval).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from limbeck.core.measurement import Measurement, find
from limbeck.evidence.resampling import LEVEL
from limbeck.evidence.retention import retention
from limbeck.evidence.table import (
    MISSING,
    Rows,
    metric_name,
    parameters_text,
    render_text,
    score_text,
    seconds_text,
    size_text,
)

RUN = "run"
"""What measurements of a whole run are of, where others name a model's role."""


@dataclass(frozen=True)
class Trial:
    """One recipe run once.

    Attributes:
        recipe: What the recipe is called.
        seed: The run's seed.
        measurements: All numbers of the run.
        models: Role → digest of the model.
    """

    recipe: str
    seed: int
    measurements: Sequence[Measurement]
    models: Mapping[str, str] = field(default_factory=dict)

    def find(self, role: str, metric: str) -> Measurement | None:
        """A measurement of a role."""
        return find(self.measurements, role, metric)


def t_interval(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of the mean of independent repetitions; none of fewer than two.

    >>> [round(end, 3) for end in t_interval([1.0, 2.0, 3.0])]  # s = 1, t = 4.3027, 4.3027 / √3 = 2.484
    [-0.484, 4.484]
    >>> t_interval([1.0])
    (None, None)
    """
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return None, None
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * deviation / math.sqrt(n)
    return mean - half, mean + half


@dataclass(frozen=True)
class Repeats:
    """The trials of several recipes, or of one recipe with several encoders, on the same data.

    Attributes:
        recipes: What they are called, in the order in which they are to stand; the others are compared with the first.
        primary: The metric that decides.
        trials: All that were finished.
        noun: What is compared: `recipe` or `encoder`.
        higher: Whether more of the metric is better.
    """

    recipes: Sequence[str]
    primary: str
    trials: Sequence[Trial]
    noun: str = "recipe"
    higher: bool = True

    def of(self, recipe: str) -> list[Trial]:
        """The trials of one recipe, by seed."""
        return sorted((t for t in self.trials if t.recipe == recipe), key=lambda t: t.seed)

    @property
    def roles(self) -> list[str]:
        """The models that were measured, in their order."""
        return list(dict.fromkeys(role for t in self.trials for role in t.models))

    @property
    def score_head(self) -> str:
        """The head of the deciding column: the student has to be told from its teacher, a lone model not."""
        return "student" if len(self.roles) > 1 else "score"

    def mean(self, recipe: str, role: str, metric: str) -> Measurement | None:
        """The mean over seeds; `n` counts them. One and the same model, met under several seeds, counts once."""
        found = [(trial, m) for trial in self.of(recipe) if (m := trial.find(role, metric))]
        once = list({(t.models.get(role, t.seed), m.value): m for t, m in found}.values())
        return _within_range(_mean(once)) if once else None

    def gain(self, recipe: str, role: str = "student") -> Measurement | None:
        """How much better than the first recipe: the mean over the seeds that both have; None of the first itself.

        The same two models, met under several seeds, count once.
        """
        before = {t.seed: t for t in self.of(self.recipes[0])}
        gains: dict[Any, Measurement] = {}
        for trial in self.of(recipe):
            if (other := before.get(trial.seed)) is None:
                continue
            own, base = (t.find(role, self.primary) for t in (trial, other))
            if own and base:
                models = tuple(t.models.get(role, t.seed) for t in (trial, other))
                gains[models, own.value, base.value] = replace(own, metric="gain", value=own.value - base.value)
        return _mean(list(gains.values())) if gains and recipe != self.recipes[0] else None

    def table(self) -> Rows:
        """Heads and one row for each recipe; a column that no recipe has a number for is left out."""
        rows = [self.row(recipe) for recipe in self.recipes]
        heads = [head for head in rows[0] if any(row[head] != MISSING for row in rows)]
        return [tuple(heads), *(tuple(row[head] for head in heads) for row in rows)]

    def row(self, recipe: str) -> dict[str, str]:
        """Head → cell of one recipe."""

        def cell(role: str, metric: str, text: Any) -> str:
            return text(m) if (m := self.mean(recipe, role, metric)) else MISSING

        return {
            self.noun: recipe,
            "seeds": str(len(self.of(recipe))),
            "teacher": cell("teacher", self.primary, bare_text),
            self.score_head: cell("student", self.primary, score_text),
            "bundle": cell("bundle", self.primary, bare_text),
            "retention": cell("student", "retention", lambda m: f"{100 * m.value:.1f} %"),
            "training": cell("student", "training_seconds", lambda m: seconds_text(m.value)),
            "whole": cell(RUN, "seconds", lambda m: seconds_text(m.value)),
            "parameters": cell("student", "parameters", lambda m: parameters_text(m.value)),
            "size": cell("student", "size_bytes", lambda m: size_text(m.value)),
        }

    def gains(self) -> Rows:
        """Heads and one row for each recipe but the first: by how much its student is better."""
        found = [(recipe, self.gain(recipe)) for recipe in self.recipes[1:]]
        rows = [(recipe, str(m.n), gain_text(m)) for recipe, m in found if m]
        points = "points " * any(m.unit == "fraction" for _, m in found if m)
        return [(self.noun, "seeds", f"{points}over {self.recipes[0]}"), *rows] if rows else []

    def caption(self) -> str:
        """What the numbers of the table are."""
        scores = [m for t in self.trials for m in t.measurements if m.metric == self.primary]
        unit = ", %" if scores[0].unit == "fraction" else ""
        most = max(len(self.of(recipe)) for recipe in self.recipes)
        what = "means over seeds [95 % intervals]" if most > 1 else "one seed each, which allows no interval"
        return f"Scores: {metric_name(self.primary)} on {scores[0].split}{unit}; {what}"

    def text(self) -> str:
        """The tables for a terminal."""
        tables = [render_text(rows) for rows in (self.table(), self.gains()) if rows]
        return "\n\n".join([self.caption(), *tables])

    def plain(self) -> list[dict[str, Any]]:
        """Every measurement of every trial with its recipe and seed, then the means and gains, whose seed is null."""
        ordered = [trial for recipe in self.recipes for trial in self.of(recipe)]
        own = [{self.noun: t.recipe, "seed": t.seed, **asdict(m)} for t in ordered for m in t.measurements]
        return own + [{self.noun: recipe, "seed": None, **asdict(m)} for recipe, m in self._summary()]

    def _summary(self) -> Iterator[tuple[str, Measurement]]:
        costs = [("student", "training_seconds"), (RUN, "seconds")]
        wanted = [(role, metric) for role in self.roles for metric in (self.primary, "retention")] + costs
        for recipe in self.recipes:
            yield from ((recipe, m) for role, metric in wanted if (m := self.mean(recipe, role, metric)))
            if gain := self.gain(recipe):
                yield recipe, gain


def kept_of(measured: Sequence[Measurement], metric: str, baseline: str = "teacher") -> list[Measurement]:
    """What is measured, with `retention` told of another metric: each model's value over that of the baseline."""
    others = [m for m in measured if m.metric != "retention"]
    base = find(others, baseline, metric)
    own = [(m, retention(m.value, base.value, metric)) for m in others if base and m.metric == metric]
    kept = [Measurement(m.model, "retention", part, "ratio", m.split, m.n) for m, part in own if part is not None]
    return [*others, *kept]


def _mean(found: Sequence[Measurement]) -> Measurement:
    """The mean of like measurements."""
    values = [m.value for m in found]
    low, high = t_interval(values)
    return replace(found[0], value=math.fsum(values) / len(values), n=len(values), low=low, high=high)


def _within_range(m: Measurement) -> Measurement:
    """No fraction lies below 0 or above 1, and no interval of one need reach there."""
    if m.unit != "fraction" or m.low is None or m.high is None:
        return m
    return replace(m, low=max(m.low, 0.0), high=min(m.high, 1.0))


def bare_text(m: Measurement) -> str:
    """A score without its interval."""
    return score_text(replace(m, low=None, high=None))


def gain_text(m: Measurement) -> str:
    """A difference with its interval; points where the score is a fraction.

    >>> gain_text(Measurement("student", "gain", 0.0042, "fraction", "test", 3, -0.0031, 0.0115))
    '+0.42 [-0.31, +1.15]'
    """
    factor, digits = (100, 2) if m.unit == "fraction" else (1, 3)
    value, *ends = (f"{factor * v:+.{digits}f}" for v in (m.value, m.low, m.high) if v is not None)
    return f"{value} [{', '.join(ends)}]" if ends else value

"""The page of a comparison: one HTML file that needs no network, and the same numbers as Markdown."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement
from limbeck.evidence.across import MEAN, Across
from limbeck.evidence.repeats import Repeats, bare_text, gain_text
from limbeck.evidence.table import MISSING, Rows, metric_name, score_text, seconds_text
from limbeck.page import plots
from limbeck.page.figures import Figure, Key
from limbeck.page.lineage import environment
from limbeck.page.templates import escape_markdown, template

_TITLES = {"comparison": "Comparison", "probe": "Probe"}


@dataclass(frozen=True)
class ComparisonPage:
    """What a comparison, or a probe, shows.

    Attributes:
        kind: Which of the two it is, `comparison` or `probe`.
        across: All finished runs.
        evaluated: Data set → the evaluation of one of its runs, which tells of the data and the machine.
        failures: Run → why it was not finished.
        recipes: What each recipe (or encoder) is called → its steps, as YAML.
        left: How many runs are still to come.
    """

    kind: str
    across: Across
    evaluated: Mapping[str, Bundle]
    failures: Mapping[str, str]
    recipes: Mapping[str, str]
    left: int = 0

    @property
    def _newest(self) -> Bundle:
        return list(self.evaluated.values())[-1]

    @property
    def _title(self) -> str:
        names = [str((bundle.facts.get("data") or {}).get("name") or "") for bundle in self.evaluated.values()]
        return names[0] if len(self.across.sets) == 1 and names[0] else _TITLES[self.kind]

    def html(self) -> str:
        """The page."""
        repeats, newest = self.across.deciding, self._newest
        counts = {
            " ".join([name] * (len(self.across.sets) > 1) + [split]): count
            for name, bundle in self.evaluated.items()
            for split, count in ((bundle.facts.get("data") or {}).get("counts") or {}).items()
        }
        return template("comparison.html.jinja").render(
            title=self._title,
            kind=self.kind,
            noun=repeats.noun,
            headline=list(self.headline()),
            caption=self.across.caption(),
            table=self.across.table(),
            keys={recipe: Key(i, recipe) for i, recipe in enumerate(repeats.recipes)},
            gains=repeats.gains(),
            figures=list(self._figures()),
            runs=self._runs(),
            failures=self.failures,
            counts=counts,
            environment=environment({"all": newest}),
            recipes=self.recipes,
            created=newest.manifest["created"],
            version=newest.manifest["versions"].get("limbeck", ""),
        )

    def markdown(self) -> str:
        """Headline and tables."""
        tables = [self.across.table(), self.across.deciding.gains(), self._runs()]
        parts = [f"# {_cell(self._title)}", *map(_cell, self.headline()), _cell(self.across.caption())]
        return "\n\n".join([*parts, *(_markdown_table(rows) for rows in tables if rows)]) + "\n"

    def headline(self) -> Iterator[str]:
        """What came out, in sentences for everybody."""
        repeats = self.across.deciding
        if means := _means(repeats):
            tried = {recipe: len(repeats.of(recipe)) for recipe in means}
            whole = [recipe for recipe in means if tried[recipe] == max(tried.values())]
            best = (max if repeats.higher else min)(whole, key=lambda recipe: means[recipe].value)
            seeds = means[best].n
            over = f"over {seeds} seeds" if seeds > 1 else "with one seed"
            most = "highest" if repeats.higher else "lowest, which is best"
            yield f"{best} scores {most}: {self._what(repeats)} {score_text(means[best])} {over}."
            if gain := repeats.gain(best):
                points = " points" if gain.unit == "fraction" else ""
                yield f"Against {repeats.recipes[0]} that is {gain_text(gain)}{points}{_verdict(gain)}."
            if seeds < 2:
                yield "One seed allows no interval: other seeds may well turn the order round."
            if len(whole) < len(means):
                fewer = ", ".join(recipe for recipe in means if recipe not in whole)
                yield f"Not ranked, as they have fewer seeds: {fewer}."
        elif self.across.alike:
            yield f"No {repeats.noun} has a mean over all data sets."
        else:
            names = ", ".join(f"{metric_name(of.primary)} of {name}" for name, of in self.across.sets.items())
            yield f"No mean is taken of scores that are not alike: {names}."
        if self.left:
            yield f"{self.left} of all runs are still to come."
        if self.failures:
            yield f"{len(self.failures)} of all runs failed, and are missing from the numbers."

    def _what(self, repeats: Repeats) -> str:
        several = f" over {len(self.across.sets)} data sets" * (repeats.primary == MEAN)
        return f"{metric_name(repeats.primary)}{several}"

    def _figures(self) -> Iterator[Figure]:
        whole = self.across.deciding
        whose = "of the student" if whole.score_head == "student" else "of each " + whole.noun
        if means := _means(whole):
            yield plots.spreads(f"{self._what(whole)} {whose}", means, _single(whole))
            yield from self._trade(whole, means)
        if len(self.across.sets) > 1:
            for name, of in self.across.sets.items():
                if own := _means(of):
                    yield plots.spreads(f"{metric_name(of.primary)} on {name}", own, _single(of))

    def _trade(self, repeats: Repeats, means: Mapping[str, Measurement]) -> Iterator[Figure]:
        """The score against the time of the training."""
        spent = {recipe: repeats.mean(recipe, "student", "training_seconds") for recipe in means}
        costs = {recipe: m.value for recipe, m in spent.items() if m and m.value > 0}
        if costs:
            unit, seconds = ("minutes", 60) if max(costs.values()) >= 120 else ("seconds", 1)
            costs = {recipe: value / seconds for recipe, value in costs.items()}
            title = f"{self._what(repeats)} against training"
            yield plots.trade(title, f"training, {unit}", costs, means, list(repeats.recipes))

    def _runs(self) -> Rows:
        """Every run by itself."""
        first, several = self.across.first, len(self.across.sets) > 1
        roles = list(dict.fromkeys(role for of in self.across.sets.values() for role in of.roles))
        shown = roles if len(roles) > 1 else ["score"]
        rows = []
        for recipe in first.recipes:
            for name, of in self.across.sets.items():
                for trial in of.of(recipe):
                    scores = [trial.find(role, of.primary) for role in roles]
                    spent = trial.find("student", "training_seconds")
                    cells = [bare_text(m) if m else MISSING for m in scores]
                    time = seconds_text(spent.value) if spent else MISSING
                    rows.append((recipe, *[name] * several, str(trial.seed), *cells, time))
        return [(first.noun, *["data"] * several, "seed", *shown, "training"), *rows]


def _means(repeats: Repeats) -> dict[str, Measurement]:
    """The student's mean score by recipe."""
    found = {recipe: repeats.mean(recipe, "student", repeats.primary) for recipe in repeats.recipes}
    return {recipe: m for recipe, m in found.items() if m}


def _single(repeats: Repeats) -> dict[str, list[float]]:
    """The student's score with each seed, by recipe."""
    return {
        recipe: [m.value for t in repeats.of(recipe) if (m := t.find("student", repeats.primary))]
        for recipe in repeats.recipes
    }


def _verdict(gain: Measurement) -> str:
    if gain.low is None or gain.high is None or math.isclose(gain.low, gain.high):  # scores come in steps
        return ""
    return ", which could be chance" if gain.low <= 0 <= gain.high else ", more than chance would give"


def _cell(text: str) -> str:
    return str(escape_markdown(text))


def _markdown_table(rows: Rows) -> str:
    heads, *body = ([_cell(cell) for cell in row] for row in rows)
    rule = [":---"] + ["---:"] * (len(heads) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, rule, *body])

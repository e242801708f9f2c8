"""The page of a comparison: one HTML file that needs no network, and the same numbers as Markdown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement
from limbeck.evidence.repeats import Repeats, bare_text, gain_text, seconds_text
from limbeck.evidence.table import MISSING, Rows, metric_name, score_text
from limbeck.page import plots
from limbeck.page.card import escape_markdown
from limbeck.page.figures import Figure, Key
from limbeck.page.lineage import environment
from limbeck.page.page import template


@dataclass(frozen=True)
class ComparisonPage:
    """What a comparison shows.

    Attributes:
        repeats: All finished runs.
        evaluated: The evaluation of one of them, which tells of the data and the machine.
        failures: Run → why it was not finished.
        recipes: What each recipe is called → its steps, as YAML.
    """

    repeats: Repeats
    evaluated: Bundle
    failures: Mapping[str, str]
    recipes: Mapping[str, str]

    def html(self) -> str:
        """The page."""
        repeats, facts = self.repeats, self.evaluated.facts
        data = facts.get("data") or {}
        return template("comparison.html.jinja").render(
            title=str(data.get("name") or "Comparison"),
            headline=list(self.headline()),
            caption=repeats.caption(),
            table=repeats.table(),
            keys={recipe: Key(i, recipe) for i, recipe in enumerate(repeats.recipes)},
            gains=repeats.gains(),
            figures=list(self._figures()),
            runs=self._runs(),
            failures=self.failures,
            counts=data.get("counts") or {},
            environment=environment({"all": self.evaluated}),
            recipes=self.recipes,
            created=self.evaluated.manifest["created"],
            version=self.evaluated.manifest["versions"].get("limbeck", ""),
        )

    def markdown(self) -> str:
        """Headline and tables."""
        name = str((self.evaluated.facts.get("data") or {}).get("name") or "Comparison")
        tables = [self.repeats.table(), self.repeats.gains(), self._runs()]
        parts = [f"# {_cell(name)}", *map(_cell, self.headline()), _cell(self.repeats.caption())]
        return "\n\n".join([*parts, *(_markdown_table(rows) for rows in tables if rows)]) + "\n"

    def headline(self) -> Iterator[str]:
        """What came out, in sentences for everybody."""
        repeats = self.repeats
        means = self._means()
        best = max(means, key=lambda recipe: means[recipe].value)
        seeds = max(m.n for m in means.values())
        over = f"over {seeds} seeds" if seeds > 1 else "with one seed"
        yield f"{best} scores highest: {metric_name(repeats.primary)} {score_text(means[best])} {over}."
        if gain := repeats.gain(best):
            points = " points" if gain.unit == "fraction" else ""
            yield f"Against {repeats.recipes[0]} that is {gain_text(gain)}{points}{_verdict(gain)}."
        if seeds < 2:
            yield "One seed allows no interval: other seeds may well turn the order round."
        if self.failures:
            yield f"{len(self.failures)} of all runs failed, and are missing from the numbers."

    def _means(self) -> dict[str, Measurement]:
        """The student's mean score by recipe."""
        found = {recipe: self.repeats.mean(recipe, "student", self.repeats.primary) for recipe in self.repeats.recipes}
        return {recipe: m for recipe, m in found.items() if m}

    def _figures(self) -> Iterator[Figure]:
        repeats, means, what = self.repeats, self._means(), metric_name(self.repeats.primary)
        single = {
            recipe: [m.value for t in repeats.of(recipe) if (m := t.find("student", repeats.primary))]
            for recipe in means
        }
        yield plots.spreads(f"{what} of the student", means, single)
        spent = {recipe: repeats.mean(recipe, "student", "training_seconds") for recipe in means}
        costs = {recipe: m.value for recipe, m in spent.items() if m and m.value > 0}
        if costs:
            unit, seconds = ("minutes", 60) if max(costs.values()) >= 120 else ("seconds", 1)
            costs = {recipe: value / seconds for recipe, value in costs.items()}
            yield plots.trade(f"{what} against training", f"training, {unit}", costs, means, list(repeats.recipes))

    def _runs(self) -> Rows:
        """Every run by itself."""
        heads = ("recipe", "seed", *self.repeats.roles, "training")
        trials = [trial for recipe in self.repeats.recipes for trial in self.repeats.of(recipe)]
        rows = []
        for trial in trials:
            scores = [trial.find(role, self.repeats.primary) for role in self.repeats.roles]
            spent = trial.find("student", "training_seconds")
            cells = [bare_text(m) if m else MISSING for m in scores]
            rows.append((trial.recipe, str(trial.seed), *cells, seconds_text(spent.value) if spent else MISSING))
        return [heads, *rows]


def _verdict(gain: Measurement) -> str:
    if gain.low is None or gain.high is None:
        return ""
    return ", which could be chance" if gain.low <= 0 <= gain.high else ", more than chance would give"


def _cell(text: str) -> str:
    return str(escape_markdown(text))


def _markdown_table(rows: Rows) -> str:
    heads, *body = ([_cell(cell) for cell in row] for row in rows)
    rule = [":---"] + ["---:"] * (len(heads) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, rule, *body])

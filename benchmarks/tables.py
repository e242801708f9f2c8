"""The tables of results/README.md, out of results/runs.csv: one row for each recipe, data set, student and seed.

    python benchmarks/tables.py                                        # print all tables
    python benchmarks/tables.py --add OUT --student 3x384 --metric f1 --machine "two cores of …"   # take in new runs

OUT is the directory of a `limbeck compare`. So the seeds of a table may come from several machines and days; a run that
stands there already is replaced. Means, intervals and gains are made as `compare` makes them.
"""

import argparse
import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from limbeck.core.measurement import Measurement, find
from limbeck.evidence.repeats import Repeats, Trial, bare_text, kept_of
from limbeck.evidence.table import MISSING

RUNS = Path(__file__).parent / "results" / "runs.csv"
RECIPES = ("no_teacher", "vanilla_kd", "patient_kd", "tinybert", "minilmv2_task", "compress")
"""In the order of the tables; the first is what the others are measured against."""


class Run(NamedTuple):
    """A student's score beside that of its teacher, which was fine-tuned at `rate`.

    `training_s` is empty where it was not kept.
    """

    data: str
    student: str
    rate: str
    metric: str
    unit: str
    recipe: str
    seed: int
    teacher: float
    score: float
    training_s: str
    date: str
    machine: str

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it stands in the file; of two at one place one is kept."""
        return self.data, self.student, self.rate, self.metric, RECIPES.index(self.recipe), self.seed

    def trial(self) -> Trial:
        """As a comparison holds it."""
        of = {"teacher": self.teacher, "student": self.score}
        scores = [Measurement(role, self.metric, value, self.unit, "test", 1) for role, value in of.items()]
        spent = [Measurement("student", "training_seconds", float(self.training_s), "s")] if self.training_s else []
        models = {role: f"{role} {self.seed}" for role in of}
        return Trial(self.recipe, self.seed, [*kept_of(scores, self.metric), *spent], models)


def read() -> list[Run]:
    """All runs."""
    with RUNS.open(encoding="utf-8", newline="") as file:
        rows = [Run(**row) for row in csv.DictReader(file)]
    return [r._replace(seed=int(r.seed), teacher=float(r.teacher), score=float(r.score)) for r in rows]


def write(runs: Iterable[Run]) -> None:
    """All runs, in their order; of two alike the later one."""
    once = {run.place: run for run in runs}
    with RUNS.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Run._fields)
        table.writerows(once[place] for place in sorted(once))


def found(out: Path, student: str, rate: str, metric: str, machine: str) -> Iterator[Run]:
    """The finished runs of a comparison."""
    measured: dict[tuple[str, str, int], list[Measurement]] = {}
    for row in json.loads((out / "comparison.json").read_text(encoding="utf-8")):
        data, recipe, seed = (row.pop(name) for name in ("data", "recipe", "seed"))
        if seed is not None and data is not None:
            measured.setdefault((data, recipe, seed), []).append(Measurement(**row))
    today = datetime.now(UTC).date().isoformat()
    for (data, recipe, seed), own in measured.items():
        teacher, score, spent = (
            find(own, role, name)
            for role, name in (("teacher", metric), ("student", metric), ("student", "training_seconds"))
        )
        if teacher is None or score is None:
            raise SystemExit(f"{out}: no {metric} of {recipe} seed {seed}; there are {sorted({m.metric for m in own})}")
        seconds = f"{spent.value:.1f}" if spent else ""
        values = (round(teacher.value, 5), round(score.value, 5), seconds)
        yield Run(data, student, rate, metric, score.unit, recipe, seed, *values, today, machine)


def repeated(runs: list[Run]) -> Repeats:
    """The runs of one data set, student, rate and metric."""
    names = [recipe for recipe in RECIPES if any(run.recipe == recipe for run in runs)]
    return Repeats(names, runs[0].metric, [run.trial() for run in runs])


def overview(runs: list[Run]) -> str:
    """Every recipe on every data set, for one rate of the teachers: mean score and retention, and how many seeds."""
    found = {name: repeated(own) for name, own in grouped(runs, "student", "data", "metric")}

    def cell(recipe: str, repeats: Repeats) -> str:
        score, kept = (repeats.mean(recipe, "student", metric) for metric in (repeats.primary, "retention"))
        return f"{bare_text(score)}, {100 * kept.value:.1f} % ({score.n})" if score and kept else MISSING

    rows = [(recipe, *(cell(recipe, repeats) for repeats in found.values())) for recipe in RECIPES]
    return f"## All, teachers at {runs[0].rate}\n\n{markdown([('recipe', *found), *rows])}"


def told(runs: list[Run]) -> str:
    """The tables of one data set, student, rate and metric."""
    first, repeats = runs[0], repeated(runs)
    names = repeats.recipes
    seeds = sorted({run.seed for run in runs})
    scores = {(t.recipe, t.seed): t.find("student", first.metric) for t in repeats.trials}

    def cell(recipe: str, seed: int) -> str:
        return bare_text(m) if (m := scores.get((recipe, seed))) else MISSING

    singles = [("recipe", *(f"seed {seed}" for seed in seeds))]
    singles += [(recipe, *(cell(recipe, seed) for seed in seeds)) for recipe in names]
    tables = (repeats.table(), repeats.gains(), singles)
    machines = "; ".join(
        f"seed {', '.join(map(str, sorted({run.seed for run in own})))}: {place}"
        for place, own in grouped(runs, "machine", "date")
    )
    return "\n\n".join(
        [
            f"## {first.data}, {first.student}, teacher at {first.rate}",
            f"{repeats.caption()}. {machines}.",
            *map(markdown, filter(None, tables)),
        ]
    )


def page() -> str:
    """All tables."""
    every = read()
    parts = [overview(runs) for _, runs in grouped(every, "rate")]
    return "\n\n".join([*parts, *(told(runs) for _, runs in grouped(every, "data", "student", "rate", "metric"))])


def grouped(runs: Iterable[Run], *fields: str) -> Iterator[tuple[str, list[Run]]]:
    """The runs that agree in some fields, in the order of these."""

    def shared(run: Run) -> str:
        return ", ".join(str(getattr(run, name)) for name in fields)

    for name, own in itertools.groupby(sorted(runs, key=shared), shared):
        yield name, list(own)


def markdown(rows: list[tuple[str, ...]]) -> str:
    """Heads and rows as a table."""
    heads, *body = rows
    rule = (":---", *["---:"] * (len(heads) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *body))


def main() -> None:
    """Take in or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add", type=Path, help="directory of a comparison")
    parser.add_argument("--student", help="the shape that its students have")
    parser.add_argument("--rate", default="1e-4", help="the rate at which its teachers were fine-tuned")
    parser.add_argument("--metric", help="the metric to keep")
    parser.add_argument("--machine", help="what it ran on")
    options = parser.parse_args()
    if options.add:
        if not (options.student and options.metric and options.machine):
            parser.error("--add needs --student, --metric and --machine")
        write([*read(), *found(options.add, options.student, options.rate, options.metric, options.machine)])
        return
    print(page())


if __name__ == "__main__":
    main()

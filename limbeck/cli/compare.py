"""`limbeck compare`: recipes on the same rows, over seeds."""

from typing import Annotated

import typer

from limbeck.cli.options import (
    Dev,
    Encoding,
    Label,
    Metrics,
    Out,
    Pair,
    Precision,
    RowsFlags,
    Seeds,
    StepSettings,
    Strict,
    Student,
    Task,
    Teacher,
    Test,
    Text,
)
from limbeck.cli.repeating import metrics_by_data, seeds_of, show
from limbeck.cli.stage import given


def compare(
    recipes: Annotated[
        list[str], typer.Argument(metavar="[NAME=]RECIPE…", help="A shipped recipe's name, or a YAML file.")
    ],
    *,
    data: RowsFlags,
    out: Out,
    seeds: Seeds = "0,1,2",
    dev: Dev = None,
    test: Test = None,
    task: Task = None,
    text: Text = None,
    pair: Pair = None,
    label: Label = None,
    encoding: Encoding = None,
    teacher: Teacher = None,
    fresh_teacher: Annotated[
        bool, typer.Option("--fresh-teacher", help="Fine-tune it for each seed even if it knows these labels already.")
    ] = False,
    student: Student = None,
    precision: Precision = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="ROLE", help="Stop at this model, as `student`, to save time.")
    ] = None,
    metric: Metrics = None,
    settings: StepSettings = None,
    strict: Strict = None,
) -> None:
    """Run recipes on the same rows with several seeds, and compare.

    What recipes share is made once; the same command does only what is missing.
    """
    from limbeck import comparison
    from limbeck.core.journal import Journal

    columns = {"task": task, "text": text, "pair": pair, "label": label, "encoding": encoding}
    models = {"teacher": teacher, "student": student, "precision": precision}
    flags = given({"dev": dev, "test": test, **columns, **models, "until": until, "strict": strict})
    found = comparison.compare(
        recipes,
        data=data,
        out=out,
        seeds=seeds_of(seeds),
        fresh_teacher=fresh_teacher,
        metric=metrics_by_data(metric or []),
        settings=settings or [],
        log=Journal(),
        **flags,
    )
    show(found)

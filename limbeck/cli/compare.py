"""`limbeck compare`: recipes on the same rows, over seeds."""

import sys
from typing import Annotated

import typer

from limbeck.cli.options import (
    Dev,
    Encoding,
    Label,
    Out,
    Pair,
    Precision,
    RowsFlag,
    StepSettings,
    Strict,
    Student,
    Task,
    Teacher,
    Test,
    Text,
)
from limbeck.cli.stage import given


def compare(
    recipes: Annotated[
        list[str], typer.Argument(metavar="[NAME=]RECIPE…", help="A shipped recipe's name, or a YAML file.")
    ],
    *,
    data: RowsFlag,
    out: Out,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,N,…", help="One run of each recipe for each.")] = "0,1,2",
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
    settings: StepSettings = None,
    strict: Strict = None,
) -> None:
    """Run recipes on the same rows with several seeds, and compare.

    What recipes share is made once; the same command does only what is missing.
    """
    from limbeck import comparison
    from limbeck.core.errors import LimbeckError
    from limbeck.core.journal import Journal

    columns = {"task": task, "text": text, "pair": pair, "label": label, "encoding": encoding}
    models = {"teacher": teacher, "student": student, "precision": precision}
    flags = given({"dev": dev, "test": test, **columns, **models, "until": until, "strict": strict})
    found = comparison.compare(
        recipes,
        data=data,
        out=out,
        seeds=_seeds(seeds),
        fresh_teacher=fresh_teacher,
        settings=settings or [],
        log=Journal(),
        **flags,
    )
    sys.stdout.write(found.table() + "\n")
    if found.failures:
        failed = comparison.told(found.failures)
        raise LimbeckError(f"runs that failed, and that the same command tries again:\n{failed}")


def _seeds(text: str) -> list[int]:
    """Seeds from the command line.

    >>> _seeds("0, 1,2")
    [0, 1, 2]
    """
    from limbeck.core.errors import RecipeError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise RecipeError(f"--seeds {text!r}: give whole numbers with commas between them, as 0,1,2") from None

"""`limbeck compress`: labelled text in, a small verified model out."""

import sys
from typing import Annotated

import typer

from limbeck.cli.options import (
    Data,
    Dev,
    Encoding,
    Force,
    Label,
    Out,
    Pair,
    Precision,
    StepSettings,
    Strict,
    Student,
    Task,
    Teacher,
    Test,
    Text,
)
from limbeck.cli.stage import given


def compress(
    data: Data,
    *,
    out: Out,
    dev: Dev = None,
    test: Test = None,
    task: Task = None,
    text: Text = None,
    pair: Pair = None,
    label: Label = None,
    encoding: Encoding = None,
    teacher: Teacher = None,
    student: Student = None,
    precision: Precision = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Decides every random choice.")] = None,
    settings: StepSettings = None,
    strict: Strict = None,
    force: Force = False,
) -> None:
    """Teacher, distilled student, int8 Bundle and report from labelled text.

    Columns and task are detected and said; flags overrule. Running it again does no finished step again.
    """
    from limbeck import pipeline
    from limbeck.core.journal import Journal

    columns = {"task": task, "text": text, "pair": pair, "label": label, "encoding": encoding}
    models = {"teacher": teacher, "student": student, "precision": precision}
    flags = given({"dev": dev, "test": test, **columns, **models, "seed": seed, "strict": strict})
    result = pipeline.compress(data, out=out, settings=settings or [], force=force, log=Journal(), **flags)
    sys.stdout.write(result.table() + "\n")

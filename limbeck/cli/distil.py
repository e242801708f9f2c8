"""`limbeck distil`: teachers, and rows or raw text, in; a student out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import CorpusFlag, Out, Settings, Strict, Student
from limbeck.cli.stage import given, run_stage


def distil(
    *,
    teacher: Annotated[
        list[Path], typer.Option("--teacher", metavar="MODEL", help="What to learn from; on rows perhaps several.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATA", help="A file of rows, or a prepared data Bundle.")
    ] = None,
    corpus: CorpusFlag = None,
    out: Out,
    student: Student = None,
    settings: Settings = None,
    strict: Strict = None,
) -> None:
    """Teach a small student to answer as the teacher does, or as several teachers do together.

    On rows of a task, or on raw text: then the student is a general one, to be trained on any task.
    """
    roles = ["teacher", *(f"teacher_{number}" for number in range(2, len(teacher) + 1))]
    taught_on = given({"data": data, "corpus": corpus})
    inputs = {**dict(zip(roles, teacher, strict=True)), **taught_on}
    run_stage("distil", inputs, out, settings, student=student, strict=strict)

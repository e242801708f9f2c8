"""`limbeck distil`: a teacher and rows in, a student out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import DataFlag, Out, Settings, Student
from limbeck.cli.stage import run_stage


def distil(
    teacher: Annotated[Path, typer.Option("--teacher", metavar="MODEL", help="The Bundle to learn from.")],
    data: DataFlag,
    out: Out,
    student: Student = None,
    settings: Settings = None,
) -> None:
    """Teach a small student to answer as the teacher does."""
    run_stage("distil", {"teacher": teacher, "data": data}, out, settings, student=student)

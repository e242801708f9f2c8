"""`limbeck distil`: teachers and rows in, a student out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import DataFlag, Out, Settings, Strict, Student
from limbeck.cli.stage import run_stage


def distil(
    teacher: Annotated[
        list[Path], typer.Option("--teacher", metavar="MODEL", help="The Bundle to learn from; several are averaged.")
    ],
    data: DataFlag,
    out: Out,
    student: Student = None,
    settings: Settings = None,
    strict: Strict = None,
) -> None:
    """Teach a small student to answer as the teacher does, or as several teachers do together."""
    roles = ["teacher", *(f"teacher_{number}" for number in range(2, len(teacher) + 1))]
    inputs = {**dict(zip(roles, teacher, strict=True)), "data": data}
    run_stage("distil", inputs, out, settings, student=student, strict=strict)

"""`limbeck run`: walk a recipe."""

import sys
from typing import Annotated

import typer

from limbeck.cli.options import CorpusFlag, Out, StepSettings, Strict, Student, Teacher
from limbeck.cli.stage import given


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe's name, or a YAML file.")],
    *,
    data: Annotated[str | None, typer.Option("--data", metavar="DATA", help="Rows, in place of the recipe's.")] = None,
    corpus: CorpusFlag = None,
    teacher: Teacher = None,
    student: Student = None,
    out: Out,
    settings: StepSettings = None,
    strict: Strict = None,
) -> None:
    """Run the steps of a recipe that are not done yet.

    A step is done if its fields and inputs are unchanged since it last ran.
    """
    from limbeck import pipeline
    from limbeck.core.journal import Journal

    flags = {"data": data, "corpus": corpus, "teacher": teacher, "student": student, "strict": strict}
    result = pipeline.run_file(recipe, out, settings or [], Journal(), **given(flags))
    sys.stdout.write(result.table() + "\n")

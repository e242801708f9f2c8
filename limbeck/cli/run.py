"""`limbeck run`: walk a recipe."""

import sys
from typing import Annotated

import typer

from limbeck.cli.options import Out, StepSettings, Strict
from limbeck.cli.stage import given


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe's name, or a YAML file.")],
    out: Out,
    settings: StepSettings = None,
    strict: Strict = None,
) -> None:
    """Run the steps of a recipe that are not done yet.

    A step is done if its fields and inputs are unchanged since it last ran.
    """
    from limbeck import pipeline
    from limbeck.core.journal import Journal

    result = pipeline.run_file(recipe, out, settings or [], Journal(), **given({"strict": strict}))
    sys.stdout.write(result.table() + "\n")

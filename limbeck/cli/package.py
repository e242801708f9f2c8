"""`limbeck package`: a model and its measurements in, the Bundle to ship out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Model, Out, Settings
from limbeck.cli.stage import run_stage


def package(
    model: Model,
    evaluation: Annotated[Path, typer.Option("--evaluation", metavar="DIR", help="What `evaluate` made.")],
    benchmark: Annotated[Path, typer.Option("--benchmark", metavar="DIR", help="What `benchmark` made.")],
    out: Out,
    settings: Settings = None,
) -> None:
    """Put a model, its numbers and its card into one Bundle."""
    run_stage("package", {"model": model, "evaluation": evaluation, "benchmark": benchmark}, out, settings)

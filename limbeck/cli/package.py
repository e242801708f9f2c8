"""`limbeck package`: a model and its measurements in, the Bundle to ship out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Model, Out, Settings
from limbeck.cli.stage import by_role, run_stage


def package(
    model: Model,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE=MODEL…]", help="Models that the numbers compare it with.")
    ] = None,
    *,
    evaluation: Annotated[Path, typer.Option("--evaluation", metavar="DIR", help="What `evaluate` made.")],
    benchmark: Annotated[Path, typer.Option("--benchmark", metavar="DIR", help="What `benchmark` made.")],
    out: Out,
    settings: Settings = None,
) -> None:
    """Put a model, its numbers and its card into one Bundle."""
    evidence = {"evaluation": evaluation, "benchmark": benchmark}
    run_stage("package", {**by_role(models or ()), "model": model, **evidence}, out, settings)

"""`limbeck report`: one HTML file about a run."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Out, Settings
from limbeck.cli.stage import run_stage


def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN_DIR", help="The --out of `compress`, `run`, `pretrain` or `distil --corpus`."),
    ],
    out: Out,
    settings: Settings = None,
) -> None:
    """Draw up the report of a run."""
    run_stage("report", {"run": run}, out, settings)

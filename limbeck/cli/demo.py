"""`limbeck demo`: the whole way, offline, on data that every installation has."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import StepSettings


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")] = Path("limbeck-demo"),
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="Use fewer rows, to be done sooner.")
    ] = None,
    settings: StepSettings = None,
) -> None:
    """Compress a model offline: which library is a docstring from?"""
    from limbeck import pipeline
    from limbeck.core.journal import Journal

    result = pipeline.demo(out, rows, settings or [], Journal())
    sys.stdout.write(result.table() + "\n")

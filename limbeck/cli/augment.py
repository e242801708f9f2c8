"""`limbeck augment`: variants of the training rows."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Data, Out, Settings
from limbeck.cli.stage import given, run_stage


def augment(
    data: Data,
    *,
    out: Out,
    teacher: Annotated[
        Path | None, typer.Option("--teacher", metavar="MODEL", help="A Bundle whose embeddings may be read.")
    ] = None,
    augmenter: Annotated[
        str | None, typer.Option("--augmenter", metavar="NAME", help="An augmenter (`limbeck shelf augmenters`).")
    ] = None,
    copies: Annotated[int | None, typer.Option("--copies", metavar="N", help="Variants drawn of each row.")] = None,
    settings: Settings = None,
) -> None:
    """Add variants of the training rows, which the teacher labels.

    Dev and test stay as they are. Distil on what comes out.
    """
    inputs = given({"data": data, "teacher": teacher})
    run_stage("augment", inputs, out, settings, augmenter=augmenter, copies=copies)

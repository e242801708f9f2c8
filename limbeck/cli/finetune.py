"""`limbeck finetune`: a backbone and labelled rows in, a teacher out."""

from typing import Annotated

import typer

from limbeck.cli.options import Data, Out, Settings, Strict
from limbeck.cli.stage import run_stage


def finetune(
    data: Data,
    out: Out,
    model: Annotated[
        str | None, typer.Option("--model", metavar="REF", help="A directory, hf:org/name[@revision], or minilm-l6.")
    ] = None,
    settings: Settings = None,
    strict: Strict = None,
) -> None:
    """Fine-tune a model on labelled rows."""
    run_stage("finetune", {"data": data}, out, settings, model=model, strict=strict)

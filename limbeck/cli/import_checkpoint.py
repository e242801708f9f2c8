"""`limbeck import`: an old PyTorch checkpoint in, a Bundle out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Out, Pair, Settings, Task
from limbeck.cli.stage import run_stage


def import_checkpoint(
    weights: Annotated[Path, typer.Argument(metavar="OLD", help="What torch.save wrote: .pth, .pt, .bin.")],
    config: Annotated[
        str, typer.Option("--config", metavar="DIR", help="Directory with the model's config.json and tokenizer.")
    ],
    out: Out,
    task: Task = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="A,B,…", help="Label names in the order of the logits.")
    ] = None,
    pair: Pair = None,
    settings: Settings = None,
) -> None:
    """Read the weights of an old PyTorch checkpoint, and run nothing that is in it.

    With --task its head is kept; without, the encoder alone.
    """
    names = None if labels is None else labels.split(",")
    run_stage(
        "import_checkpoint", {}, out, settings, weights=str(weights), config=config, task=task, labels=names, pair=pair
    )

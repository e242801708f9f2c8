"""`limbeck import`: a model directory or an old PyTorch checkpoint in, a Bundle out."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Out, Pair, Settings, Task
from limbeck.cli.stage import run_stage


def import_checkpoint(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A directory, hf:org/name[@revision], minilm-l6; or what torch.save wrote: .pth, .bin.",
        ),
    ],
    out: Out,
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="DIR", help="Of a file: where the model's config.json and tokenizer lie."),
    ] = None,
    head: Annotated[
        str | None, typer.Option("--head", metavar="NAME", help="encoder (the default), or masked_lm to keep that too.")
    ] = None,
    task: Task = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="A,B,…", help="Label names in the order of the logits.")
    ] = None,
    pair: Pair = None,
    settings: Settings = None,
) -> None:
    """Read a model directory, or the weights of an old PyTorch checkpoint, and run nothing that is in it.

    With --task its head is kept; without, the encoder alone.
    """
    from limbeck.core.errors import RecipeError

    if config is None and Path(model).is_file():
        raise RecipeError(f"{model}: the weights alone; say with --config where config.json and tokenizer lie")
    source = {"config": model} if config is None else {"weights": model, "config": config}
    names = None if labels is None else labels.split(",")
    run_stage("import_checkpoint", {}, out, settings, **source, head=head, task=task, labels=names, pair=pair)

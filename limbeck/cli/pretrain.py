"""`limbeck pretrain`: raw text in, a model out that any task can be trained on."""

from typing import Annotated

import typer

from limbeck.cli.options import Corpus, Out, Settings, Strict, Tokenizer
from limbeck.cli.stage import given, run_stage


def pretrain(
    corpus: Corpus,
    out: Out,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="SHAPE|REF", help="4x312, …; or a model to go on from: DIR, hf:…, minilm-l6."),
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", metavar="NAME", help="Of a shape (`limbeck shelf backbones`).")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="Steps to make.")] = None,
    tokenizer: Tokenizer = None,
    settings: Settings = None,
    strict: Strict = None,
) -> None:
    """Pre-train a network on raw text, from random weights or on from a model.

    A corpus that is not cut into tokens yet is cut beside OUT first: by the model's tokenizer, by that of --tokenizer,
    or, for a shape without one, by one that is trained on it.
    """
    inputs = {"corpus": corpus, **given({"tokenizer": tokenizer})}
    run_stage("pretrain", inputs, out, settings, model=model, family=family, steps=steps, strict=strict)

"""`limbeck tokenizer`: a vocabulary learnt from raw text."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Column, Format, Out, Settings
from limbeck.cli.stage import run_stage


def tokenizer(
    corpus: Annotated[str, typer.Argument(metavar="[CORPUS]", help="What to learn from, as `tokenize` reads it.")] = "",
    *,
    out: Out,
    vocabulary: Annotated[
        Path | None, typer.Option("--vocabulary", metavar="FILE", help="Take this vocab.txt or tokenizer.json instead.")
    ] = None,
    size: Annotated[int | None, typer.Option("--size", metavar="N", help="Tokens of the vocabulary.")] = None,
    form: Format = None,
    column: Column = None,
    settings: Settings = None,
) -> None:
    """Learn a WordPiece tokenizer from a corpus.

    What comes out opens with stock AutoTokenizer, too.
    """
    given = None if vocabulary is None else str(vocabulary)
    fields = {"corpus": corpus or None, "vocabulary": given, "size": size, "format": form, "column": column}
    run_stage("tokenizer", {}, out, settings, **fields)

"""`limbeck tokenize`: raw text into a token store."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import Column, Corpus, Format, Out, Settings, Tokenizer
from limbeck.cli.stage import run_stage


def tokenize(
    corpus: Corpus,
    *,
    out: Out,
    tokenizer: Tokenizer = None,
    form: Format = None,
    column: Column = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes; all cores if not given.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Cut a corpus into tokens once, for pre-training.

    The same command goes on where a run was stopped.
    """
    from limbeck.core.bundle import is_bundle

    made = tokenizer is not None and is_bundle(Path(tokenizer))
    inputs = {"tokenizer": str(tokenizer)} if made else {}
    fields = {"tokenizer": None if made else tokenizer, "format": form, "column": column, "workers": workers}
    run_stage("tokenize", inputs, out, settings, corpus=corpus, **fields)

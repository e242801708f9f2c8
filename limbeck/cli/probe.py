"""`limbeck probe`: pre-trained encoders, each fine-tuned on the same data sets, over seeds."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.options import (
    Dev,
    Encoding,
    Label,
    Metrics,
    Pair,
    Precision,
    RowsFlags,
    Seeds,
    StepSettings,
    Strict,
    Task,
    Test,
    Text,
)
from limbeck.cli.repeating import metrics_by_data, seeds_of, show
from limbeck.cli.stage import given


def probe(
    models: Annotated[
        list[str],
        typer.Argument(metavar="[NAME=]MODEL…", help="A directory, a Bundle, hf:org/name[@revision], or minilm-l6."),
    ],
    *,
    data: RowsFlags,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the result goes.")] = Path("probe"),
    seeds: Seeds = "0,1,2",
    dev: Dev = None,
    test: Test = None,
    task: Task = None,
    text: Text = None,
    pair: Pair = None,
    label: Label = None,
    encoding: Encoding = None,
    precision: Precision = None,
    metric: Metrics = None,
    settings: StepSettings = None,
    strict: Strict = None,
) -> None:
    """Fine-tune pre-trained models on the same data sets in the same way, and compare.

    The recipe `probe` says how. The same command does only what is missing.
    """
    from limbeck import probing
    from limbeck.core.journal import Journal

    columns = {"task": task, "text": text, "pair": pair, "label": label, "encoding": encoding}
    flags = given({"dev": dev, "test": test, **columns, "precision": precision, "strict": strict})
    found = probing.probe(
        models,
        data=data,
        out=out,
        seeds=seeds_of(seeds),
        metric=metrics_by_data(metric or []),
        settings=settings or [],
        log=Journal(),
        **flags,
    )
    show(found)

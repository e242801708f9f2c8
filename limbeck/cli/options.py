"""Flags that several verbs share, each written once."""

from pathlib import Path
from typing import Annotated

import typer

_ROWS = "CSV, TSV, JSONL, Parquet, CoNLL, or a `datasets` folder."
Data = Annotated[Path, typer.Argument(metavar="DATA", help=_ROWS)]
RowsFlags = Annotated[
    list[str],
    typer.Option(
        "--data", metavar="[NAME=]DATA", help=f"{_ROWS[:-1]}, or one with files train, dev, test; repeatable."
    ),
]
DataFlag = Annotated[Path, typer.Option("--data", metavar="DATA", help="A file of rows, or a prepared data Bundle.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A Bundle that holds a model.")]
Models = Annotated[list[str], typer.Argument(metavar="[ROLE=]MODEL…", help="Model Bundles; a role is a name for it.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the result goes.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Set any field (`limbeck shelf stages VERB`); repeatable."),
]
StepSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STEP.FIELD=VALUE", help="Set any field of any step; repeatable."),
]
Force = Annotated[bool, typer.Option("--force", help="Ship the model even if it fails its gate.")]
Teacher = Annotated[
    str | None, typer.Option("--teacher", metavar="REF", help="A directory, hf:org/name[@revision], or minilm-l6.")
]
Student = Annotated[
    str | None,
    typer.Option(
        "--student", metavar="SHAPE", help="3x384, half, third, tiny, same, layers=3,hidden=192,…; or a model."
    ),
]

Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="Of all training: fp32, bf16 or fp16; bf16 pays on GPUs, and CPUs with AMX or AVX-512 BF16.",
    ),
]
Strict = Annotated[
    bool | None, typer.Option("--strict", help="Stop at a damaged checkpoint, rather than go on from the one before.")
]

Seeds = Annotated[str, typer.Option("--seeds", metavar="N,N,…", help="One run of each for each seed.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="[DATA=]NAME",
        help="Score by this instead of the task's own metric; repeatable. Runs nothing again.",
    ),
]
Dev = Annotated[str | None, typer.Option("--dev", metavar="FILE", help="Rows to choose the best weights by.")]
Test = Annotated[str | None, typer.Option("--test", metavar="FILE", help="Rows to measure on.")]
Task = Annotated[str | None, typer.Option("--task", metavar="NAME", help="A task (`limbeck shelf tasks`).")]
Text = Annotated[str | None, typer.Option("--text", metavar="COLUMN", help="The column of the text or words.")]
Pair = Annotated[str | None, typer.Option("--pair", metavar="COLUMN", help="The column of the second text.")]
Label = Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="The column of the label or tags.")]
Corpus = Annotated[
    str,
    typer.Argument(
        metavar="CORPUS",
        help="A file or folder of text, JSON lines or Parquet, hf:org/name[@revision][:split].",
    ),
]
CorpusFlag = Annotated[
    str | None, typer.Option("--corpus", metavar="CORPUS", help="Raw text, or what `tokenize` made of it.")
]
Tokenizer = Annotated[
    str | None, typer.Option("--tokenizer", metavar="REF", help="Made by `tokenizer`; or a model, as for --teacher.")
]
Format = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="How a corpus is written (`limbeck shelf corpora`).")
]
Column = Annotated[str | None, typer.Option("--column", metavar="NAME", help="The column or key of the text.")]
Encoding = Annotated[str | None, typer.Option("--encoding", metavar="NAME", help="The files' encoding.")]

"""`limbeck prepare`: read, check and split rows once."""

from limbeck.cli.options import Data, Dev, Encoding, Label, Out, Pair, Settings, Task, Test, Text
from limbeck.cli.stage import run_stage


def prepare(
    data: Data,
    *,
    out: Out,
    dev: Dev = None,
    test: Test = None,
    task: Task = None,
    text: Text = None,
    pair: Pair = None,
    label: Label = None,
    encoding: Encoding = None,
    settings: Settings = None,
) -> None:
    """Turn a file of rows into a data Bundle.

    Columns are found, labels mapped and splits made.
    """
    files = {"train": str(data), "dev": dev, "test": test, "encoding": encoding}
    run_stage("prepare", {}, out, settings, **files, task=task, text=text, pair=pair, label=label)

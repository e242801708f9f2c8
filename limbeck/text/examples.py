"""The splits of a data Bundle as JSON lines, one example a line."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from limbeck.core.bundle import Bundle
from limbeck.text.port import Example

SPLITS = ("train", "dev", "test")


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write examples into a Bundle that is being made, as JSON lines, ASCII only so that any character survives."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(json.dumps({"text": e.text, "pair": e.pair, "target": e.target}) + "\n" for e in examples)


def each_example(data: Bundle, split: str) -> Iterator[Example]:
    """The rows of one split of a data Bundle, one at a time.

    Args:
        data: A Bundle made by the stage `prepare` or `augment`.
        split: `train`, `dev` or `test`.
    """
    with data.file(f"{split}.jsonl").open(encoding="utf-8") as file:
        yield from (Example(**json.loads(line)) for line in file)


def read_examples(data: Bundle, split: str, *, labelled: bool = False) -> list[Example]:
    """Read one split of a data Bundle.

    Args:
        data: A Bundle made by the stage `prepare` or `augment`.
        split: `train`, `dev` or `test`.
        labelled: Leave out rows without a label.
    """
    return [e for e in each_example(data, split) if not labelled or e.target is not None]

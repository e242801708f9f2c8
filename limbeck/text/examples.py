"""The splits of a data Bundle as JSON lines, one example a line."""

import json
from collections.abc import Iterable
from pathlib import Path

from limbeck.core.bundle import Bundle
from limbeck.core.files import write_text
from limbeck.text.port import Example

SPLITS = ("train", "dev", "test")


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write examples as JSON lines, ASCII only so that any character survives."""
    rows = (json.dumps({"text": e.text, "pair": e.pair, "target": e.target}) for e in examples)
    write_text(path, "".join(row + "\n" for row in rows))


def read_examples(data: Bundle, split: str, *, labelled: bool = False) -> list[Example]:
    """Read one split of a data Bundle.

    Args:
        data: A Bundle made by the stage `prepare`.
        split: `train`, `dev` or `test`.
        labelled: Leave out rows without a label.
    """
    with data.file(f"{split}.jsonl").open(encoding="utf-8") as file:
        examples = [Example(**json.loads(line)) for line in file]
    return [e for e in examples if not labelled or e.target is not None]

"""What the verbs share that run the same over data sets and seeds."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limbeck.contest import Comparison


def seeds_of(text: str) -> list[int]:
    """Seeds from the command line.

    Raises:
        RecipeError: They are no numbers.

    >>> seeds_of("0, 1,2")
    [0, 1, 2]
    """
    from limbeck.core.errors import RecipeError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise RecipeError(f"--seeds {text!r}: give whole numbers with commas between them, as 0,1,2") from None


def metrics_by_data(texts: Sequence[str]) -> dict[str, str]:
    """Data set → metric; a metric alone, under "", is for all others.

    Raises:
        RecipeError: Two are for the same.

    >>> metrics_by_data(["accuracy", "mrpc=f1"])
    {'': 'accuracy', 'mrpc': 'f1'}
    """
    from limbeck.core.errors import RecipeError

    found: dict[str, str] = {}
    for text in texts:
        data, _, metric = text.rpartition("=")
        if data in found:
            raise RecipeError(f"--metric {text}: {data or 'all data'} has {found[data]} already; give one of them")
        found[data] = metric
    return found


def show(found: "Comparison") -> None:
    """Print the table.

    Raises:
        LimbeckError: Runs failed.
    """
    from limbeck.contest import told
    from limbeck.core.errors import LimbeckError

    sys.stdout.write(found.table() + "\n")
    if found.failures:
        raise LimbeckError(f"runs that failed, and that the same command tries again:\n{told(found.failures)}")

"""What every verb that runs one stage does."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.core.errors import RecipeError


def run_stage(
    stage: str,
    inputs: Mapping[str, Path | str],
    out: Path,
    settings: Sequence[str] | None,
    **flags: Any,
) -> None:
    """Run one stage and print the path of the Bundle that it made.

    Args:
        stage: Its name.
        inputs: Role → Bundle, file of rows, or model reference.
        out: Where the result goes.
        settings: `field=value` texts.
        **flags: Fields of the stage that have a flag of their own; None where the flag was not given.
    """
    from limbeck import pipeline
    from limbeck.core.journal import Journal

    bundle = pipeline.run_stage(stage, dict(inputs), given(flags), out, list(settings or ()), Journal())
    if table := pipeline.table_of(bundle):
        sys.stderr.write(f"{table}\n\n")
    sys.stdout.write(f"{bundle.path}\n")


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given; the others keep the defaults of the stage."""
    return {name: value for name, value in flags.items() if value is not None}


def by_role(models: Sequence[str]) -> dict[str, Path]:
    """Turn `role=path` and bare paths, whose role is the directory's name, into role → path.

    Raises:
        RecipeError: A role is empty, taken by the data, or stands twice.

    >>> by_role(["teacher=runs/a/best", "runs/a/student"])
    {'teacher': PosixPath('runs/a/best'), 'student': PosixPath('runs/a/student')}
    """
    roles: dict[str, Path] = {}
    for model in models:
        role, separator, path = model.partition("=")
        place = Path(path if separator else model)
        role = role if separator else place.resolve().name
        if role in ("", "data", *roles):
            raise RecipeError(f"{model}: the role {role!r} is empty or taken; name each model as ROLE=MODEL")
        roles[role] = place
    return roles

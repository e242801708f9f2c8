"""`limbeck shelf`: what algorithms there are, and every field of each, read from their own files."""

import ast
import importlib.util
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def shelf(
    name: Annotated[str | None, typer.Argument(metavar="[SHELF]", help="A shelf; without it, all are listed.")] = None,
    algorithm: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One algorithm on it.")] = None,
) -> None:
    """List what algorithms there are, and every field of each.

    Stages are listed in the same way: `limbeck shelf stages distil`.
    """
    if name is None:
        lines = _all_shelves()
    elif algorithm is None:
        lines = _one_shelf(name)
    else:
        lines = _one_algorithm(name, algorithm)
    sys.stdout.writelines(line + "\n" for line in lines)


def _all_shelves() -> Iterator[str]:
    from limbeck.core.shelf import SHELVES, shelf

    for name in (*SHELVES, "stages"):
        yield from _entry(name, ", ".join(shelf(name).names()))


def _one_shelf(name: str) -> Iterator[str]:
    from limbeck.core.shelf import shelf

    for key in shelf(name).names():
        yield from _entry(key, _docstring(name, key).partition("\n")[0])


def _one_algorithm(name: str, key: str) -> Iterator[str]:
    from limbeck.core.shelf import shelf
    from limbeck.core.spec import describe

    fields = describe(shelf(name).spec(key))
    yield from (_docstring(name, key), "")
    for field in fields:
        allowed = f", {field.allowed}" if field.allowed else ""
        yield f"{field.name}  ({field.type}{allowed}; default {field.default})"
        yield textwrap.indent(textwrap.fill(" ".join(field.meaning.split()), 96), "    ")
    if not fields:
        yield "It has no fields."


def _docstring(shelf_name: str, key: str) -> str:
    """The docstring of a shelf file, read without importing it: importing may need torch."""
    found = importlib.util.find_spec(f"limbeck.{shelf_name}.{key}")
    source = Path(str(found.origin)).read_text(encoding="utf-8") if found else ""
    return ast.get_docstring(ast.parse(source)) or ""


def _entry(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=f"{head:<22}", subsequent_indent=" " * 22) or [head]

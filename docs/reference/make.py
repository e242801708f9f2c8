"""Write `shelves.md` from the shelves themselves: `python docs/reference/make.py`. A test holds it up to date."""

import ast
from collections.abc import Iterator
from pathlib import Path

from limbeck.core.shelf import SHELVES, shelf
from limbeck.core.spec import describe

PAGE = Path(__file__).with_name("shelves.md")


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Shelves and stages\n\nMade by `make docs` from the code; do not edit.\n"
    for name in (*SHELVES, "stages"):
        yield f"## {name}\n"
        for key in shelf(name).names():
            yield from _entry(name, key)


def _entry(name: str, key: str) -> Iterator[str]:
    module = shelf(name).load(key)
    source = ast.get_docstring(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))) or ""
    yield f"### {key}\n\n{source}\n"
    if fields := describe(module.Spec):
        yield "| field | type | allowed | default | meaning |\n|---|---|---|---|---|"
        for field in fields:
            cells = (
                f"`{field.name}`",
                field.type,
                field.allowed,
                f"`{field.default}`",
                " ".join(field.meaning.split()),
            )
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

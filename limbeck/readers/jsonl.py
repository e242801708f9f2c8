"""JSON lines (jsonlines.org): one object a line, whose keys are the columns.

Texts stay as they are, numbers and booleans become their JSON text (a label 1 is "1"), lists of these become lists of
text (words, tags), null is an absent value, and anything deeper is kept as its JSON text. A key that a line leaves out
is absent there.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.table import Table, refuse
from limbeck.text.port import Reader
from limbeck.text.source import lines_of, read_text

EXTENSIONS: tuple[str, ...] = (".jsonl", ".ndjson", ".json")


class Spec(core.Spec):
    """How the file is written."""

    encoding: str = "utf-8"
    """Text encoding, as Python names it; a byte order mark is skipped."""


def claims(path: Path) -> bool:
    """Whether this reader is the one for `path`."""
    return path.is_file() and path.suffix.lower() in EXTENSIONS


def parse_line(line: str) -> dict[str, Any]:
    """One line as column → text, list of texts, or None.

    Raises:
        ValueError: The line is no JSON object, or has a key twice; the message begins with the character's column.

    >>> parse_line('{"text": "NA", "label": 1, "tags": ["O"], "sure": null}')
    {'text': 'NA', 'label': '1', 'tags': ['O'], 'sure': None}
    """
    try:
        # Numbers are kept as they are written: 1.0 is not 1, and no digit of a long id is lost.
        found = json.loads(
            line, object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.colno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("1: nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError('1: a line must be one object, as {"text": "…", "label": "…"}')
    return {key: _plain(value) for key, value in found.items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"1: the key {twice!r} stands twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"1: {name} is no JSON value; write null")


def _plain(value: Any) -> Any:
    if isinstance(value, list) and not any(isinstance(v, list | dict) for v in value):
        return [v if isinstance(v, str) else _plain(v) or "" for v in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None or not value or value.isspace() else value


@dataclass(frozen=True)
class JsonlReader:
    """Reads JSON lines."""

    spec: Spec

    def read(self, path: Path) -> Table:
        """Read a file.

        Raises:
            DataError: The file or a line of it cannot be read as it is; each fault with its place.
        """
        text = read_text(path, self.spec.encoding)
        if text.lstrip().startswith("["):
            raise DataError(
                f"{path}: one JSON array; write one object a line instead: jq -c '.[]' {path.name} > {path.stem}.jsonl"
            )
        rows: list[tuple[int, dict[str, Any]]] = []
        faults = []
        for number, line in enumerate(lines_of(text), 1):
            if line.strip():
                try:
                    rows.append((number, parse_line(line)))
                except ValueError as error:
                    faults.append(f"{path}:{number}:{error}")
        refuse(faults, "lines that are not one JSON object each")
        names = list(dict.fromkeys(name for _, row in rows for name in row))
        if not names:
            raise DataError(f'{path}: no column, as every object is empty; write {{"text": "…", "label": "…"}}')
        columns = {name: [row.get(name) for _, row in rows] for name in names}
        return Table(path, columns, [n for n, _ in rows], f"JSON lines, {len(names)} column{'s' * (len(names) != 1)}")


def build(spec: Spec) -> Reader:
    """The reader."""
    return JsonlReader(spec)

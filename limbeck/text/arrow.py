"""Arrow columns (Parquet files, `datasets` folders) as the text columns of a table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.core.errors import DataError
from limbeck.core.shelf import missing_extra
from limbeck.core.table import Table, refuse


def require_pyarrow(what: str) -> Any:
    """The `pyarrow` module.

    Raises:
        ShelfError: It is not installed; says which extra brings it.
    """
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise missing_extra("pyarrow", what) from None
    return pyarrow


def features_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """The `datasets` features that a schema's metadata holds under the key `huggingface`; empty without them."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def class_names(feature: Any) -> tuple[str, ...]:
    """Names of a `datasets` ClassLabel, alone or inside a list; empty for any other feature.

    >>> class_names({"_type": "List", "feature": {"_type": "ClassLabel", "names": ["O", "B-LOC"]}})
    ('O', 'B-LOC')
    """
    while isinstance(feature, Mapping) and "feature" in feature:
        feature = feature["feature"]
    if isinstance(feature, list) and len(feature) == 1:
        feature = feature[0]
    names = feature.get("names") if isinstance(feature, Mapping) else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def to_table(path: Path, data: Any, features: Mapping[str, Any], form: str) -> Table:
    """Turn an Arrow table into text columns; a row's number stands for its line.

    Integers of a ClassLabel become its names (-1, which `datasets` uses for hidden labels, is absent); other numbers
    and booleans become text; blank text and not-a-number are absent.

    Raises:
        DataError: There is no row, two columns have one name, a class number has no name, or bytes are no text.
    """
    if not data.num_rows:
        raise DataError(f"{path}: there are columns but no row; add rows of text with their labels")
    if len(set(data.column_names)) < data.num_columns:
        raise DataError(f"{path}: two columns have the same name; give each column its own name")
    columns = {}
    for number, name in enumerate(data.column_names, 1):
        names = class_names(features.get(name))
        try:
            values = data.column(name).to_pylist()
            refuse(
                [f"{path}:{row}:{number}: bytes" for row, value in enumerate(values, 1) if not _readable(value)],
                f"rows with bytes in column {name!r} that are not UTF-8; store text there, or leave the column out",
            )
            columns[name] = [_plain(value, names) for value in values]
        except IndexError:
            raise DataError(
                f"{path}: column {name!r} has a class number for which the file's metadata has no name; it names "
                f"{len(names)}: {', '.join(names[:20])}"
            ) from None
    return Table(path, columns, range(1, data.num_rows + 1), f"{form}, {len(columns)} column{'s' * (len(columns) > 1)}")


def _readable(value: Any) -> bool:
    try:
        return not isinstance(value, bytes) or value.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


def _plain(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if value is None or value != value:  # noqa: PLR0124  (only not-a-number differs from itself)
        return None
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, list):
        return [v if isinstance(v, str) else _plain(v, names) or "" for v in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and names:
        return None if value < 0 else names[value]
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict) else str(value)

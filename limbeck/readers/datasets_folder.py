"""A folder written by `datasets.Dataset.save_to_disk` or `DatasetDict.save_to_disk` (Hugging Face `datasets` ≥ 2).

`state.json` lists Arrow stream files, `dataset_info.json` the features; `dataset_dict.json` lists splits, each a
folder like that. pyarrow reads them, because importing `datasets` costs seconds and reads nothing more.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.core import spec as core
from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.text.arrow import features_of, require_pyarrow, to_table
from limbeck.text.folder import SPLIT_NAMES
from limbeck.text.port import Reader

EXTENSIONS: tuple[str, ...] = ()
_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"


class Spec(core.Spec):
    """The folder says itself how it is written."""


def claims(path: Path) -> bool:
    """Whether this reader is the one for `path`."""
    return (path / _STATE).is_file() or (path / _DICT).is_file()


def splits(path: Path) -> dict[str, Path]:
    """Role (`train`, `dev`, `test`) → folder of the splits of a DatasetDict; empty for the folder of one Dataset.

    Raises:
        DataError: There are splits, but none to train on.
    """
    if not (path / _DICT).is_file():
        return {}
    names = _json(path / _DICT).get("splits")
    there = [str(name) for name in names] if isinstance(names, list) else []
    found = {
        role: path / name
        for role, known in SPLIT_NAMES.items()
        if (name := next((n for n in known if n in there), None))
    }
    if "train" not in found:
        known = ", ".join(there) or "none"
        raise DataError(f"{path}: no split to train on; there are {known}. Name the folder of one, as {path / 'NAME'}")
    return found


@dataclass(frozen=True)
class DatasetsFolderReader:
    """Reads the folder of one Dataset."""

    def read(self, path: Path) -> Table:
        """Read the folder of one Dataset.

        Raises:
            DataError: It holds several, a file is missing or damaged, or there is no row.
        """
        if (path / _DICT).is_file():
            raise DataError(f"{path}: holds several splits; name one, as {path / 'test'}")
        arrow = require_pyarrow("reading a datasets folder")
        listed = _json(path / _STATE).get("_data_files")
        try:
            names = [Path(entry["filename"]).name for entry in listed or ()]
        except (TypeError, KeyError):
            raise DataError(f"{path / _STATE}: does not list the data files; save the dataset again") from None
        if not names:
            raise DataError(f"{path}: the dataset has no data file; save one that has rows")
        try:
            parts = [arrow.ipc.open_stream(arrow.memory_map(str(path / name))).read_all() for name in names]
            data = arrow.concat_tables(parts)
        except (OSError, arrow.ArrowException) as error:
            raise DataError(f"{path}: a data file cannot be read ({error}); save the dataset again") from None
        features = _json(path / _INFO).get("features") if (path / _INFO).is_file() else None
        return to_table(path, data, features or features_of(data.schema.metadata), "datasets folder")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); save the dataset again") from None
    return value if isinstance(value, dict) else {}


def build(spec: Spec) -> Reader:
    """The reader."""
    return DatasetsFolderReader()

"""A folder with a file for each split: `train.tsv`, `dev.tsv` and perhaps `test.tsv`, as benchmarks are handed out."""

from collections.abc import Collection, Mapping
from pathlib import Path

from limbeck.core.errors import DataError

SPLIT_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "dev": ("validation", "dev", "valid", "val"),
    "test": ("test",),
}
"""Role → what its split is called by those who hand out data."""


def split_files(folder: Path, endings: Collection[str]) -> dict[str, Path]:
    """Role (`train`, `dev`, `test`) → its file in a folder; empty where there is none to train on.

    Args:
        folder: Where the files lie; what has another name or ending is not looked at.
        endings: Those of files that can be read.

    Raises:
        DataError: Several files could be the same split.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in endings)
    found = {role: [f for f in files if f.stem.lower() in names] for role, names in SPLIT_NAMES.items()}
    if not found["train"]:
        return {}
    for role, several in found.items():
        if len(several) > 1:
            names = ", ".join(file.name for file in several)
            raise DataError(f"{folder}: several files could be {role} ({names}); leave one there, or name the files")
    return {role: several[0] for role, several in found.items() if several}

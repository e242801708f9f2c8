"""Working directories that tell of themselves whether they are sound: checkpoints, and shards of a token store."""

import os
from pathlib import Path
from typing import Any

from limbeck.core.errors import BundleError
from limbeck.core.files import read_json, sha256_file, write_json
from limbeck.core.hashing import digest

KEY_CHARACTERS = 16
"""Of the hash of all that a directory depends on, this many end its name."""
_FORMAT = 2


def seal(folder: Path, name: str, **facts: Any) -> None:
    """Write a manifest of what is in a folder.

    Args:
        folder: Files only.
        name: The manifest's.
        facts: What else it tells, plain values.
    """
    hashes = {file.name: sha256_file(file) for file in sorted(folder.iterdir())}
    manifest = {"format": _FORMAT, **facts, "files": hashes}
    write_json(folder / name, manifest | {"sha256": digest(manifest)})


def fault(folder: Path, name: str) -> str:
    """What is wrong with a folder that `seal` closed; empty if it is sound."""
    try:
        manifest = read_json(folder / name)
        if manifest["format"] != _FORMAT:
            return f"{name} is of format {manifest['format']!r}, not {_FORMAT}"
        if manifest.pop("sha256") != digest(manifest):
            return f"{name} is damaged (sha256 differs)"
        for file, stated in manifest["files"].items():
            if not (folder / file).is_file():
                return f"{file} is missing"
            if sha256_file(folder / file) != stated:
                return f"{file} is damaged (sha256 differs)"
    except (BundleError, OSError, KeyError, TypeError, AttributeError) as error:
        return f"{name} is damaged ({error})"
    return ""


def linked(source: Path, target: Path) -> bool:
    """Give a file another name as well; False where the file system cannot."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True

"""Checkpoints of a training: whole or absent, hashed, the last two kept, and the newest sound one to go on from."""

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbeck.core.errors import BundleError, TrainingError
from limbeck.core.files import new_directory, read_json, sha256_file, write_json
from limbeck.core.journal import Journal

_MANIFEST, _STATE, _BEST = "checkpoint.json", "state.pt", "best.pt"
_FORMAT = 1
_KEPT = 2


def checkpoints_of(out: Path) -> Path:
    """Where the checkpoints of the step lie whose result will be `out`."""
    return out.with_name(f"{out.name}.checkpoints")


_SHARE = 0.02
"""Part of the time that checkpoints at the ends of epochs may take."""


class Checkpoints:
    """The checkpoints of one step of a run, in a directory beside its result; gone once the result is there.

    Args:
        folder: The directory; made when there is something to keep.
        key: Hash of all that the training depends on: a checkpoint of another training is none of this one.
        every_s: Seconds between two checkpoints within an epoch; 0 makes one in each step.
        strict: Whether a damaged checkpoint is an error; if not the one before it is taken, with a warning.
        log: Where it is told.
    """

    def __init__(self, folder: Path, key: str, *, every_s: float, strict: bool, log: Journal) -> None:
        self._folder, self._key, self._every_s, self._strict, self._log = folder, key, every_s, strict, log
        self._saved_at, self._cost_s = time.monotonic(), 0.0
        self._best_of: tuple[Path, str] | None = None

    def due(self, *, epoch_ended: bool = False) -> bool:
        """Whether it is time for one: every so often, and at an epoch's end if that costs little beside the epoch."""
        passed = time.monotonic() - self._saved_at
        return passed >= self._every_s or (epoch_ended and self._cost_s <= _SHARE * passed)

    def save(self, steps: int, state: Mapping[str, Any], best: Mapping[str, Any], best_name: str) -> None:
        """Keep a state.

        Args:
            steps: Steps done since the training began; tells checkpoints apart.
            state: Tensors and plain values.
            best: The best weights so far; written again only when `best_name` is another than last time.
            best_name: What they are called.

        Raises:
            LimbeckError: It cannot be written; those before it are as they were.
        """
        import torch

        start = time.monotonic()
        place = self._folder / f"{steps:09d}"
        with new_directory(place) as folder:
            torch.save(dict(state), folder / _STATE)
            if self._best_of is None or self._best_of[1] != best_name or not _link(self._best_of[0], folder / _BEST):
                torch.save(dict(best), folder / _BEST)
            files = {name: _told(folder / name) for name in (_STATE, _BEST)}
            write_json(folder / _MANIFEST, {"format": _FORMAT, "key": self._key, "steps": steps, "files": files})
        self._best_of = (place / _BEST, best_name)
        for old in self._found()[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        self._saved_at = time.monotonic()
        self._cost_s = self._saved_at - start

    def newest(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """State and best weights of the newest sound checkpoint; None if there is none to go on from.

        Raises:
            TrainingError: `strict`, and a checkpoint is damaged.
        """
        import torch

        for place in self._found():
            fault = self._fault(place)
            if not fault:
                loaded = [torch.load(place / name, map_location="cpu", weights_only=True) for name in (_STATE, _BEST)]
                return loaded[0], loaded[1]
            if self._strict:
                raise TrainingError(f"{place}: {fault}. Delete it to go on from the one before, or leave out --strict")
            self._log.warn(f"{place}: {fault}; going on from the checkpoint before it")
        return None

    def clear(self) -> None:
        """Delete all: the result is there, or they are of another training."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _found(self) -> list[Path]:
        """Newest first; those of another training are deleted."""
        there = sorted((p for p in self._folder.glob("[0-9]*") if p.is_dir()), reverse=True)
        with contextlib.suppress(BundleError, AttributeError):
            if there and read_json(there[0] / _MANIFEST).get("key", self._key) != self._key:
                self.clear()
                return []
        return there

    def _fault(self, place: Path) -> str:
        try:
            manifest = read_json(place / _MANIFEST)
            for name, wanted in manifest["files"].items():
                if not (place / name).is_file():
                    return f"{name} is missing"
                if _told(place / name) != wanted:
                    return f"{name} is damaged (sha256 differs)"
            if manifest["format"] != _FORMAT or manifest["files"].keys() != {_STATE, _BEST}:
                return "is of another format"
        except (BundleError, KeyError, AttributeError, TypeError) as error:
            return f"{_MANIFEST} is damaged ({error})"
        return ""


def _told(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}


def _link(source: Path, target: Path) -> bool:
    """The same file under another name, where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True

"""Checkpoints of a training: whole or absent, hashed, the last two kept, and the newest sound one to go on from."""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from limbeck.core.errors import TrainingError
from limbeck.core.files import TEMPORARY, check_room, new_directory, remove
from limbeck.core.journal import Journal
from limbeck.engine.sealing import KEY_CHARACTERS, fault, linked, seal

_MANIFEST, _STATE, _BEST = "checkpoint.json", "state.pt", "best.pt"
_KEPT = 2
_NAME = re.compile(rf"\d{{9}}-[0-9a-f]{{{KEY_CHARACTERS}}}")
_SHARE = 0.02
"""Part of the time that checkpoints at the ends of epochs may take."""


class Checkpoints:
    """The checkpoints of one step of a run, in a directory beside its result; gone once the result is there.

    Args:
        out: Where the step's result will be.
        key: Hash of all that the training depends on: a checkpoint of another training is none of this one.
        every_s: Seconds between two checkpoints within an epoch; 0 makes one in each step.
        strict: Whether a damaged checkpoint is an error; if not the one before it is taken, with a warning.
        log: Where it is told.
    """

    def __init__(self, out: Path, key: str, *, every_s: float, strict: bool, log: Journal) -> None:
        self.key = key
        self._folder, self._every_s, self._strict, self._log = _folder(out), every_s, strict, log
        self._saved_at, self._cost_s = time.monotonic(), 0.0
        self._bests: list[tuple[Path, str]] = []  # of the checkpoints that were made last, and what they are called

    def due(self, *, epoch_ended: bool = False) -> bool:
        """Whether it is time for one: every so often, and at an epoch's end if that costs little beside the epoch."""
        passed = time.monotonic() - self._saved_at
        return passed >= self._every_s or (epoch_ended and self._cost_s <= _SHARE * passed)

    def save(self, state: Mapping[str, Any], best: Mapping[str, Any], best_name: str) -> None:
        """Keep a state.

        Args:
            state: Tensors and plain values.
            best: The best weights so far. As long as they are called the same, they are written twice, and after that
                shared with the checkpoint before the last: so no two that follow one another share a file.
            best_name: What they are called.

        Raises:
            LimbeckError: It cannot be written; those before it are as they were.
        """
        import torch

        start = time.monotonic()
        found = self._found()
        number = 1 + (int(found[0].name.partition("-")[0]) if found else 0)
        place = self._folder / f"{number:09d}-{self.key[:KEY_CHARACTERS]}"
        shared = [path for path, name in self._bests[-_KEPT:] if name == best_name]
        check_room(place, _size(state) + (0 if len(shared) == _KEPT else _size(best)))
        with new_directory(place) as folder:
            with _by_sha256_alone():
                torch.save(dict(state), folder / _STATE)
                if len(shared) < _KEPT or not linked(shared[0], folder / _BEST):
                    torch.save(dict(best), folder / _BEST)
            seal(folder, _MANIFEST)
        self._bests = [*self._bests[-1:], (place / _BEST, best_name)]
        for old in self._found()[_KEPT:]:
            remove(old)
        self._saved_at = time.monotonic()
        self._cost_s = self._saved_at - start

    def newest(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """State and best weights of the newest sound checkpoint; None if there is none to go on from.

        Those of another training, and those that turn out to be damaged, are deleted.

        Raises:
            TrainingError: `strict`, and a checkpoint is damaged.
        """
        import torch

        found = self._found()
        others = [own for own in _own(self._folder) if own not in found]
        if any(_NAME.fullmatch(other.name) for other in others):
            self._log.say(f"{self._folder}: checkpoints of a training of other fields or inputs are dropped")
        for other in others:
            remove(other)
        for place in found:
            wrong = fault(place, _MANIFEST)
            if not wrong:
                state, best = (torch.load(place / n, map_location="cpu", weights_only=True) for n in (_STATE, _BEST))
                return state, best
            if self._strict:
                raise TrainingError(
                    f"{place}: {wrong}. Without --strict (strict: false) it goes on from the one before"
                )
            self._log.mended(f"{place}: {wrong}; going on from the checkpoint before it, if there is one")
            remove(place)
        return None

    def _found(self) -> list[Path]:
        """Those of this training, newest first."""
        ending = self.key[:KEY_CHARACTERS]
        return sorted(p for p in _own(self._folder) if _NAME.fullmatch(p.name) and p.name.endswith(ending))[::-1]


def clear(out: Path) -> None:
    """Delete all checkpoints of the step whose result is `out`, and nothing else."""
    for own in _own(_folder(out)):
        remove(own)
    with contextlib.suppress(OSError):  # there is none, or something else is in it
        _folder(out).rmdir()


def _folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.checkpoints")


def _own(folder: Path) -> list[Path]:
    """Checkpoints, whole and half made."""
    if not folder.is_dir():
        return []
    return [p for p in folder.iterdir() if _NAME.fullmatch(p.name) or TEMPORARY.fullmatch(p.name)]


@contextlib.contextmanager
def _by_sha256_alone() -> Iterator[None]:
    """Without the sums that torch takes of each tensor besides, which cost more than all the rest."""
    from torch.serialization import get_crc32_options, set_crc32_options

    before = get_crc32_options()
    set_crc32_options(False)
    try:
        yield
    finally:
        set_crc32_options(before)


def _size(value: Any) -> int:
    """Bytes of all tensors in nested values."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return getattr(value, "nbytes", 0)

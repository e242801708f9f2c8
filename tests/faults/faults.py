"""What happens to a process, set up inside it, and what happens to its files meanwhile."""

import math
import os
import pathlib
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

_CALLS = ("fsync", "rename", "replace", "link", "truncate")


def dies_at(number: int) -> Callable[[], None]:
    """Death before the n-th write, fsync or change of a name; a write is torn in the middle."""

    def install() -> None:
        done = [0]

        def counted() -> bool:
            done[0] += 1
            return done[0] == number

        for name in _CALLS:
            setattr(os, name, _deadly(getattr(os, name), counted))
        opened = pathlib.Path.open

        def open_(self: Path, mode: str = "r", *args: Any, **named: Any) -> Any:
            file = opened(self, mode, *args, **named)
            if mode[0] in "wax":
                write = file.write

                def torn(data: Any) -> Any:
                    if counted():
                        write(data[: len(data) // 2])
                        file.flush()
                        _die()
                    return write(data)

                file.write = torn
            return file

        pathlib.Path.open = open_  # type: ignore[method-assign]

    return install


def _deadly(call: Callable[..., Any], counted: Callable[[], bool]) -> Callable[..., Any]:
    def deadly(*args: Any, **named: Any) -> Any:
        if counted():
            _die()
        return call(*args, **named)

    return deadly


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def loses_its_numbers_at(step: int) -> Callable[[], None]:
    """Weights that are no numbers from the n-th step on, though that step's loss is one."""

    def install() -> None:
        def spoil(trained: Any) -> None:
            with torch.no_grad():
                next(iter(trained._trained.parameters())).fill_(math.nan)

        _after(step, spoil)

    return install


def runs_short_of_memory_at(step: int) -> Callable[[], None]:
    """No memory beyond what is in use, from the n-th step on: what is asked for next is not given."""

    def install() -> None:
        def starve(trained: Any) -> None:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20), resource.RLIM_INFINITY))
            kept.append(None)

        def ask(self: Any, parts: Any) -> Any:
            if kept:
                torch.empty(1 << 26)
            return run(self, parts)

        from limbeck.engine.step import Step

        kept: list[None] = []
        run = Step.__call__
        Step.__call__ = ask  # type: ignore[method-assign]
        _after(step, starve)

    return install


def dies_after(step: int) -> Callable[[], None]:
    """Death after the n-th step."""
    return lambda: _after(step, lambda _: _die())


def pauses_at(step: int) -> Callable[[], None]:
    """A stop after the n-th step, until SIGCONT."""
    return lambda: _after(step, lambda _: os.kill(os.getpid(), signal.SIGSTOP))


def _after(number: int, change: Callable[[Any], None]) -> None:
    from limbeck.engine.step import Step

    run, done = Step.__call__, [0]

    def call(self: Any, parts: Any) -> Any:
        terms = run(self, parts)
        done[0] += 1
        if done[0] == number:
            change(self)
        return terms

    Step.__call__ = call  # type: ignore[method-assign]


def files_are_at_most(size_bytes: int) -> Callable[[], None]:
    """No file may grow beyond a size."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


def damages(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be wrong with a file."""

    def flip() -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    yield "deleted", path.unlink
    yield "shortened", lambda: os.truncate(path, path.stat().st_size // 2)
    yield "flipped", flip

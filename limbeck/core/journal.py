"""What a run says: lines and bars for people, one JSON object per event in `log.jsonl` for programs."""

import contextlib
import functools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from limbeck.core.files import unwritten, write_bytes

_BEGINNINGS = ("run", "demo", "failed", "step")


@runtime_checkable
class Bar(Protocol):
    """A task whose end is known."""

    def advance(self, steps: int = 1, **facts: float | str) -> None:
        """Move on by `steps` and show the latest facts beside the bar."""


class Journal:
    """Prints for people and records for programs; `warnings` holds all that it warned of, in order.

    Args:
        path: `log.jsonl` to append to; None records nothing.
        quiet: Print nothing.
    """

    def __init__(self, path: Path | None = None, *, quiet: bool = False) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the journal was begun, with what was spent before the mark that it went back to."""
        return time.monotonic() - self._start

    def recording(self, path: Path) -> "Journal":
        """The same journal, its events appended to `path`, of which a line that a crash has torn is removed."""
        if path.is_file() and (torn := len(path.read_bytes().rpartition(b"\n")[2])):
            os.truncate(path, path.stat().st_size - torn)
        return Journal(path, quiet=self._quiet)

    def fresh(self) -> "Journal":
        """The same journal, which has warned of nothing yet: that of a step, whose Bundle keeps its warnings."""
        return Journal(self._path, quiet=self._quiet)

    def say(self, text: str) -> None:
        """Tell people something."""
        if not self._quiet:
            _console().print(text, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Tell people of something odd, and record it."""
        self.warnings.append(text)
        self._caution("warning", text)

    def mended(self, text: str) -> None:
        """Tell people of damage that no result suffers from, and record it: it is none of the result's warnings."""
        self._caution("mended", text)

    def _caution(self, event: str, text: str) -> None:
        self.record(event, text=text)
        if not self._quiet:
            _console().print(f"warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    def warn_all(self, texts: Iterable[str]) -> None:
        """Warn of each."""
        for text in texts:
            self.warn(text)

    def record(self, event: str, **facts: Any) -> None:
        """Append one event with its time to the log."""
        if self._path is None:
            return
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}, ensure_ascii=False, default=str)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line + "\n")
        except OSError as error:
            raise unwritten(self._path, error, len(line) + 1) from error

    def mark(self) -> dict[str, Any]:
        """Where the journal stands now, in plain values."""
        size = self._path.stat().st_size if self._path is not None and self._path.is_file() else 0
        return {"bytes": size, "warnings": list(self.warnings), "seconds": self.seconds}

    def rewind(self, mark: Mapping[str, Any], step: str) -> None:
        """Forget what a step told after a mark, because it is done again; what others told since stays.

        Args:
            mark: Where the journal stood.
            step: The step's hash.
        """
        self.warnings[:] = mark["warnings"]
        self._start -= mark["seconds"]
        if self._path is None or not self._path.is_file():
            return
        content = self._path.read_bytes()
        before, after = content[: mark["bytes"]], content[mark["bytes"] :]
        if kept := b"".join(_of_others(after.splitlines(keepends=True), step)):
            write_bytes(self._path, before + kept)
        else:
            os.truncate(self._path, len(before))

    @contextlib.contextmanager
    def bar(self, label: str, total: int, unit: str = "steps", *, done: int = 0) -> Iterator[Bar]:
        """Show progress with rate and time left: a bar on a terminal, a plain line every few seconds elsewhere.

        Args:
            label: What is under way.
            total: When it is over.
            unit: What is counted.
            done: How much of it was done before.
        """
        if self._quiet:
            yield _Silent()
        elif self._terminal:
            with _rich_bar(label, total, unit, done) as bar:
                yield bar
        else:
            lines = _Lines(label, total, unit, done)
            yield lines
            lines.close()


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a log, oldest first; none if there is no log. A line that a crash has torn is passed over."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event


def _of_others(lines: Iterable[bytes], step: str) -> Iterator[bytes]:
    """Of lines from the middle of a step on, those that are not its own: it ends where another or a run begins."""
    own = True
    for line in lines:
        with contextlib.suppress(ValueError, AttributeError):
            event = json.loads(line)
            if event.get("event") in _BEGINNINGS:
                own = event.get("hash") == step
        if not own:
            yield line


class _Silent:
    def advance(self, steps: int = 1, **facts: float | str) -> None:
        return


class _Lines:
    """Progress for files and pipes: at most one line every `_PERIOD_S` seconds, and one at the end."""

    _PERIOD_S = 10.0

    def __init__(self, label: str, total: int, unit: str, done: int) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = self._before = done
        self._facts = ""
        self._start = self._said = time.monotonic()

    def advance(self, steps: int = 1, **facts: float | str) -> None:
        self._done += steps
        self._facts = _facts_text(facts) or self._facts
        if time.monotonic() - self._said >= self._PERIOD_S:
            self._print()

    def close(self) -> None:
        if self._done > self._before:
            self._print()

    def _print(self) -> None:
        self._said = time.monotonic()
        rate = (self._done - self._before) / max(self._said - self._start, 1e-9)
        left = max(self._total - self._done, 0) / rate
        tail = f", {left:.0f} s left" if self._done < self._total else f", took {self._said - self._start:.1f} s"
        text = f"{self._label}: {self._done}/{self._total} {self._unit}, {rate:.1f}/s{tail}  {self._facts}"
        _console().print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _rich_bar(label: str, total: int, unit: str, before: int) -> Iterator[Bar]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    with Progress(*columns, console=_console()) as progress:
        task = progress.add_task(label, total=total, completed=before, facts="", rate="")
        start = time.monotonic()
        done = 0

        class _Bar:
            def advance(self, steps: int = 1, **facts: float | str) -> None:
                nonlocal done
                done += steps
                rate = f"{done / max(time.monotonic() - start, 1e-9):.1f} {unit}/s"
                progress.update(task, advance=steps, rate=rate)
                if facts:
                    progress.update(task, facts=_facts_text(facts))

        yield _Bar()


def _facts_text(facts: dict[str, float | str]) -> str:
    return " ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in facts.items())


@functools.cache
def _console() -> Any:
    """One console for lines and bars, so that a line printed during a bar stands above it."""
    from rich.console import Console

    return Console(stderr=True)

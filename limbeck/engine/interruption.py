"""Being asked to stop, by Ctrl-C or by the system: the step under way is finished and saved, then the run ends."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from limbeck.core.errors import LimbeckError


class StoppedError(LimbeckError):
    """The run was asked to stop, and did; the exit code is that of the signal."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


@dataclass
class Asked:
    """Whether somebody has asked.

    Attributes:
        number: The signal; 0 as long as nobody has.
    """

    number: int = 0


@contextlib.contextmanager
def listening() -> Iterator[Asked]:
    """Take down the first SIGINT or SIGTERM instead of dying of it; the second one is obeyed at once.

    In a thread that is not the main one nothing is listened to: only the main one may.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: FrameType | None) -> None:
        if asked.number:
            signal.signal(number, before[number])
            signal.raise_signal(number)
        asked.number = number
        sys.stderr.write("\nstopping: the state is saved after this step; once more stops at once\n")

    before: dict[int, Any] = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

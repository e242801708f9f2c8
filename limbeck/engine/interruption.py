"""Being asked to stop, by Ctrl-C or by the system: the step under way is finished and saved, then the run ends."""

import contextlib
import os
import signal
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
        at_once: Whether what is under way may be left there and then, by a StoppedError.
    """

    number: int = 0
    at_once: bool = False

    @contextlib.contextmanager
    def leaving(self) -> Iterator[None]:
        """Inside the block, being asked raises StoppedError: what is done there changes nothing and may take long."""
        self.at_once = True
        try:
            if self.number:
                raise StoppedError(self.number, "")
            yield
        finally:
            self.at_once = False


@contextlib.contextmanager
def listening() -> Iterator[Asked]:
    """Take down the first SIGINT or SIGTERM instead of dying of it; the second one is obeyed at once.

    In a thread that is not the main one nothing is listened to: only the main one may. What the process was told to
    ignore, as a job in the background is of Ctrl-C, it goes on ignoring. What was taken down and not acted on by the
    end of the block is let through there.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: FrameType | None) -> None:
        if asked.number:
            signal.signal(number, before[number])
            signal.raise_signal(number)
            return
        asked.number = number
        # Not by sys.stderr: a signal may come while that is being written to.
        os.write(2, b"\nstopping: the state is saved after this step; once more stops at once\n")
        if asked.at_once:
            raise StoppedError(number, "")

    heeded = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before: dict[int, Any] = {n: signal.signal(n, note) for n in heeded}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked.number:  # it came too late to be looked at: during the last save, perhaps
        signal.raise_signal(asked.number)

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from limbeck.core.errors import LimbeckError
from limbeck.engine.parallel import mapped

ROOT = Path(__file__).parents[2]
"""Not the one that other tests share: processes that import this file should not wait for torch."""


class Squares:
    def __call__(self, number):
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number * number, os.getpid()


class Dies:
    def __call__(self, number):
        os._exit(9)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    found = list(mapped(Squares(), range(20), workers))
    assert [square for square, _ in found] == [n * n for n in range(20)]
    assert (os.getpid() in {process for _, process in found}) == (workers == 1)


def test_items_are_read_only_as_they_are_needed():
    read = []
    results = mapped(Squares(), (read.append(n) or n for n in range(1000)), 2)
    next(results)
    assert len(read) <= 6
    results.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_function_comes_through(workers):
    with pytest.raises(ValueError, match="-1 is negative"):
        list(mapped(Squares(), [1, -1, 2], workers))


class Sleeps:
    def __call__(self, seconds):
        time.sleep(seconds)
        return bytes(5_000_000)


def test_who_wants_no_more_waits_for_no_item():
    results = mapped(Sleeps(), [0, 0, 0, 3600, 3600, 3600], 2)
    next(results)
    results.close()
    assert not multiprocessing.active_children()


def test_a_process_that_is_ended_from_outside_is_told():
    with pytest.raises(LimbeckError, match=r"was ended from outside .*set workers lower"):
        list(mapped(Dies(), [1], 2))


SCRIPT = """
import os, time
from limbeck.engine.parallel import mapped

class Slow:
    def __call__(self, number):
        return os.getpid()

if __name__ == "__main__":
    found = mapped(Slow(), iter(int, 1), 2)
    print(*{next(found) for _ in range(8)}, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_processes_end_with_the_one_that_began_them(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    ended = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == -9
    left = [int(number) for number in ended.stdout.split()]
    assert left
    for _ in range(100):
        left = [number for number in left if Path(f"/proc/{number}").exists()]
        if not left:
            return
        time.sleep(0.05)
    raise AssertionError(f"processes {left} are still there")

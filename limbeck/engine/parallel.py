"""A pure function over a stream of items: in this process, in several, or on many machines by Ray Data.

Results come in the order of the items, and never more than a few items wait in memory.
"""

import functools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Any, Literal, TypeVar

from limbeck.core.errors import LimbeckError, ShelfError

Item = TypeVar("Item")
Result = TypeVar("Result")
Engine = Literal["local", "ray"]

_AHEAD = 2
"""Items that wait for each process."""
_WAVE = 64
"""Items that Ray is given at a time for each of its processors."""


def mapped(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, engine: Engine = "local"
) -> Iterator[Result]:
    """`function` of each item, in their order.

    Args:
        function: Pure, and to be pickled.
        items: Read as they are needed.
        workers: Processes; 0 is one for each core, 1 none but this one.
        engine: `local`, or `ray`, which takes what processors its cluster has, and at most `workers` of them.

    Raises:
        LimbeckError: A process was ended from outside.
        ShelfError: Ray is not installed.
    """
    if engine == "ray":
        return _by_ray(function, items, workers)
    count = workers or len(os.sched_getaffinity(0))
    return map(function, items) if count == 1 else _by_processes(function, items, count)


def _by_processes(function: Callable[[Item], Result], items: Iterable[Item], count: int) -> Iterator[Result]:
    source = iter(items)
    waiting: deque[Future[Result]] = deque()
    # Not by fork, which copies the locks that threads of other libraries may hold.
    context = multiprocessing.get_context("spawn")
    wanted, want = context.Pipe(duplex=False)  # nothing is sent: it is closed when no more is wanted
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(function, wanted))
    try:
        waiting.extend(pool.submit(_call, item) for item in islice(source, _AHEAD * count))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(_call, item) for item in islice(source, 1))
    except BrokenProcessPool:
        raise LimbeckError(
            "a process that works beside this one was ended from outside (is memory short?): set workers lower, to 1 "
            'for none; a script of your own begins its work under `if __name__ == "__main__":`'
        ) from None
    finally:
        want.close()
        pool.shutdown(cancel_futures=True)
        wanted.close()


class _UnwantedError(Exception):
    """Nobody waits for the result."""


class _Worker:
    """What a process does with each item, until no more is wanted: then it leaves off, in the midst of an item too.

    It is not killed, which a pool survives only if the process had nothing of the pool's in hand.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function, self._busy, self._ended = function, False, False

    def __call__(self, item: Any) -> Any:
        self._busy = True
        try:
            return None if self._ended else self._function(item)
        finally:
            self._busy = False

    def leave_off(self, *signal_and_frame: Any) -> None:
        """Handle the signal that no more is wanted."""
        self._ended = True
        if self._busy:
            raise _UnwantedError


_worker: _Worker


def _begin(function: Callable[[Any], Any], wanted: Connection) -> None:
    """Make a process ready: it leaves Ctrl-C to the first one, and ends when that one does, however it ends."""
    global _worker  # noqa: PLW0603  (what a process is given once)
    _worker = _Worker(function)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # each process has one core
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, _worker.leave_off)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_watch, args=(parent, wanted), daemon=True).start()


def _watch(parent: Any, wanted: Connection) -> None:
    if parent.sentinel not in wait([parent.sentinel, wanted]):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    parent.join()
    os._exit(1)


def _call(item: Any) -> Any:
    return _worker(item)


def _by_ray(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    try:
        import ray
    except ModuleNotFoundError:
        raise ShelfError(
            "the engine 'ray' needs 'ray', which is not installed: pip install 'limbeck[train,ray]'"
        ) from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    count = workers or int(ray.cluster_resources().get("CPU", 1))
    shared = ray.put(function)
    source = iter(items)
    while wave := list(islice(source, _WAVE * count)):
        rows = ray.data.from_items([{"item": item} for item in wave], override_num_blocks=min(len(wave), 8 * count))
        found = rows.map(_row, fn_args=(shared,), compute=ray.data.TaskPoolStrategy(size=count))
        yield from (row["result"] for row in found.iter_rows())


def _row(row: dict[str, Any], shared: Any) -> dict[str, Any]:
    return {"result": _opened(shared)(row["item"])}


@functools.lru_cache(maxsize=1)
def _opened(shared: Any) -> Callable[[Any], Any]:
    """The function, made ready once in each process."""
    import ray

    found: Callable[[Any], Any] = ray.get(shared)
    return found

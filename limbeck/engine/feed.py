"""What the next step needs is made while the last one runs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

_AHEAD = 2


def ahead(items: Iterable[T], make: Callable[[T], U]) -> Iterator[U]:
    """`make(item)` for each item, in order, the next two being made in a thread while the caller works.

    >>> list(ahead([1, 2, 3], lambda x: 10 * x))
    [10, 20, 30]
    """
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for item in items:
            waiting.append(thread.submit(make, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

"""One process at a time: what one makes, no other makes meanwhile; what a killed one has left half made is removed."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from limbeck.core.errors import LimbeckError
from limbeck.core.files import LOCK, REPLACED, TEMPORARY, remove

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What file systems answer that know no locks: there nobody is kept out."""


@contextlib.contextmanager
def held(path: Path, *, within: bool = False, wait: bool = False) -> Iterator[None]:
    """Keep other processes from making `path` while this one does.

    The system lets go of the lock when the process ends, however it ends.

    Args:
        path: What is made.
        within: It is a directory that is there and is filled bit by bit: the lock and litter lie in it, not beside it.
        wait: Wait for another process, instead of raising.

    Raises:
        LimbeckError: Another process is at it.
    """
    place = path / LOCK if within else _beside(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(place, wait=wait)
    except OSError as error:
        raise LimbeckError(f"{path}: cannot write here ({error.strerror}); choose another --out") from None
    if isinstance(lock, str):
        raise LimbeckError(f"{path}: process {lock} is working on it; wait for it, or choose another --out")
    with lock:
        try:
            for litter in list(path.rglob(".*.*") if within else path.parent.glob(".*.*")):
                made = TEMPORARY.fullmatch(litter.name)
                if made and (not _is_held(litter.with_name(made[1])) if within else made[1] == path.name):
                    _clear(litter, litter.with_name(made[1]), put_back=made[2] == REPLACED)
            yield
        finally:
            place.unlink(missing_ok=True)


def _clear(litter: Path, place: Path, *, put_back: bool) -> None:
    """Delete what a killed process left; what it had taken a name from, and given it to nothing else, has it back."""
    if put_back and not place.exists():
        os.rename(litter, place)
    elif litter.is_file():
        litter.unlink()
    else:
        remove(litter)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}{LOCK}")


def _is_held(path: Path) -> bool:
    if not (place := _beside(path)).exists():
        return False
    lock = _locked(place, wait=False)
    if isinstance(lock, str):
        return True
    place.unlink(missing_ok=True)
    lock.close()
    return False


def _locked(place: Path, *, wait: bool) -> TextIO | str:
    """An open file that this process alone has locked, and that is still there under its name; or who has locked it."""
    import fcntl

    while True:
        file = place.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            with file:
                file.seek(0)
                return file.read().strip() or "(unknown)"
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                file.close()
                raise
        if place.exists() and os.path.samestat(os.fstat(file.fileno()), place.stat()):
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            return file
        file.close()  # whoever had it before has just removed it

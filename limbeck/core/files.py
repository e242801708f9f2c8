"""Files that are either whole or absent: temporary sibling, fsync, rename, fsync of the parent.

A first answer imports this module: what only writing needs is imported where it is used.
"""

import contextlib
import errno
import glob
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from limbeck.core.errors import BundleError, LimbeckError

_CHUNK_BYTES = 1 << 20
_CANNOT_WRITE = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG}


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    import hashlib

    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            state.update(chunk)
    return state.hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, atomically and durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _sibling(path)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _fsync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by UTF-8 text, atomically. Lone surrogates are stored as escapes rather than refused."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, limit_bytes: int = 64 << 20) -> Any:
    """Parse a JSON file of bounded size.

    Raises:
        BundleError: The file is missing, no file, larger than `limit_bytes`, or no JSON.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would block whoever opens it
            raise BundleError(f"{path}: no file that could be read")
        if found.st_size > limit_bytes:
            raise BundleError(f"{path}: larger than {limit_bytes} bytes; refused")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error})") from None


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Fill a temporary sibling; on success it takes the name `path`, on any error nothing is left behind.

    A directory that already has the name is replaced only once the new one is whole.

    Raises:
        LimbeckError: The parent cannot be written to.
    """
    temporary = _sibling(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise LimbeckError(f"{path}: cannot write here ({error.strerror}); choose another --out") from None
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            _fsync(file)
        _fsync(temporary)
        _take_name(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise LimbeckError(f"{path}: could not be written ({error.strerror})") from error
    finally:
        _remove(temporary)


def claim_directory(out: Path, marks: Iterable[str], what: str) -> None:
    """Make a directory for results, or refuse one that holds something else.

    Args:
        out: The directory.
        marks: Files of which at least one lies in every directory of this kind.
        what: The kind, for messages.

    Raises:
        LimbeckError: `out` is a file, holds something else, or cannot be made.
    """
    if out.exists() and not out.is_dir():
        raise LimbeckError(f"{out}: is a file; --out must be a directory")
    if out.is_dir() and any(out.iterdir()) and not any((out / name).is_file() for name in marks):
        raise LimbeckError(f"{out}: holds files that are no Limbeck {what}; choose an empty or new --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimbeckError(f"{out}: cannot be made ({error.strerror}); choose another --out") from None


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes from making `path` while this one does; what a killed one has left half made is removed.

    The system lets go of the lock when the process ends, however it ends.

    Raises:
        LimbeckError: Another process is at it.
    """
    place = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(place)
    except OSError as error:
        raise LimbeckError(f"{path}: cannot write here ({error.strerror}); choose another --out") from None
    with lock as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        for litter in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.tmp"):
            _remove(litter)
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def _lock(place: Path) -> TextIO:
    """An open file that this process alone has locked, and that is still there under its name."""
    import fcntl

    while True:
        file = place.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "?"
            file.close()
            raise LimbeckError(
                f"{place.with_name(place.name[1:-5])}: process {owner} is working on it; wait for it, or choose "
                "another --out"
            ) from None
        if place.exists() and os.path.samestat(os.fstat(file.fileno()), place.stat()):
            return file
        file.close()  # whoever had it before has just removed it


def _take_name(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.rename(temporary, path)
        return
    old = _sibling(path)
    os.rename(path, old)
    try:
        os.rename(temporary, path)
    except OSError:
        os.rename(old, path)
        raise
    _remove(old)


def _remove(directory: Path) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


def _sibling(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def directory_size(path: Path) -> int:
    """Bytes of all files below `path`."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())

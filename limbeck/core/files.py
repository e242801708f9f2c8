"""Files that are either whole or absent: temporary sibling, fsync, rename, fsync of the parent.

A first answer imports this module: what only writing needs is imported where it is used.
"""

import contextlib
import errno
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from limbeck.core.errors import BundleError, LimbeckError

_CHUNK_BYTES = 1 << 20
_CANNOT_WRITE = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TOLD = {
    "os error 28": errno.ENOSPC,  # safetensors
    "os error 27": errno.EFBIG,
    "No space left": errno.ENOSPC,
    "inline_container.cc": errno.ENOSPC,  # torch's writer of zip files
}
"""How libraries that raise errors of their own tell of a disk that takes no more."""
_SETTLED_SECONDS = 2
"""A file that was changed more lately may change again with no other time: file systems count in steps up to this."""
_remembered: dict[tuple[int, ...], str] = {}
LOCK = ".lock"
"""Name of the file that a process locks in a directory that it works on."""
REPLACED = "was"
TEMPORARY = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}\.(tmp|{REPLACED})")
"""What is half made, or was replaced, is called so, and in the first group what it is to become, or was."""


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    import hashlib

    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            state.update(chunk)
    return state.hexdigest()


def sha256_remembered(path: Path) -> str:
    """`sha256_file` of what may be large: read once in a process, as long as its entry in the directory is the same."""
    entry = path.stat()
    key = (entry.st_dev, entry.st_ino, entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns)
    if found := _remembered.get(key):
        return found
    found = sha256_file(path)
    if time.time() - entry.st_ctime > _SETTLED_SECONDS:
        _remembered[key] = found
    return found


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, atomically and durably.

    Raises:
        LimbeckError: It cannot be written; what was there still is.
    """
    temporary = sibling(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        raise unwritten(path, error, len(data)) from error
    finally:
        temporary.unlink(missing_ok=True)


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
    temporary = sibling(path)
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
    except Exception as error:
        if isinstance(error, LimbeckError) or not _cause(error):
            raise
        raise unwritten(path, error, directory_size(temporary)) from error
    finally:
        remove(temporary)


def unwritten(path: Path, error: Exception, needed_bytes: int) -> LimbeckError:
    """What to tell of something that could not be written.

    Args:
        path: Where it was to be.
        error: Why it is not.
        needed_bytes: How much it takes, as far as that is known.
    """
    number = _cause(error)
    told = f"{path}: could not be written ({os.strerror(number) if number else error})"
    if number not in _FULL:
        return LimbeckError(told)
    return LimbeckError(
        f"{told}. It takes {needed_bytes:,} bytes or more, and {_free_bytes(path):,} are free there; free some, and "
        "the same command goes on"
    )


def check_room(path: Path, needed_bytes: int) -> None:
    """Refuse to begin to write what would not fit.

    Raises:
        LimbeckError: Fewer bytes are free where `path` is to be.
    """
    if needed_bytes > _free_bytes(path):
        raise unwritten(path, OSError(errno.ENOSPC, ""), needed_bytes)


def _free_bytes(path: Path) -> int:
    import shutil

    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    return shutil.disk_usage(there).free


def _cause(error: BaseException | None) -> int:
    """The system's number of why nothing can be written, if an error, or one that it came from, tells of that."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
            return error.errno
        for sign, number in _TOLD.items():
            if sign in str(error):
                return number
        error = error.__cause__ or error.__context__
    return 0


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
    if out.is_dir() and any(map(_is_theirs, out.iterdir())) and not any((out / name).is_file() for name in marks):
        raise LimbeckError(f"{out}: holds files that are no Limbeck {what}; choose an empty or new --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimbeckError(f"{out}: cannot be made ({error.strerror}); choose another --out") from None


def _is_theirs(path: Path) -> bool:
    """Whether a file is more than what a process leaves that was killed before it had done anything."""
    return path.name != LOCK and not TEMPORARY.fullmatch(path.name)


def _take_name(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.rename(temporary, path)
        return
    old = sibling(path, REPLACED)
    os.rename(path, old)
    try:
        os.rename(temporary, path)
    except BaseException:  # a signal may come between the two
        if not path.exists():
            os.rename(old, path)
        raise
    finally:
        if path.exists():
            remove(old)


def there(path: str | Path) -> bool:
    """Whether a text is the path of something; what can be no path is none."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or with a NUL in it
        return False


def remove(directory: Path) -> None:
    """Delete a directory, as far as that can be done."""
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


def sibling(path: Path, ending: str = "tmp") -> Path:
    """A name beside `path` for what is to become it, or with the ending `REPLACED` for what it was."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.{ending}")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def directory_size(path: Path) -> int:
    """Bytes of all files below `path`."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())

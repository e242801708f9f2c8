"""What may be read of a folder that a stranger made: plain files inside it, of bounded size.

Such a folder can hold links to elsewhere, pipes that block whoever opens them, and files that fill the memory. Each is
told by its entry in the directory, before anything is opened.
"""

import os
import stat
from pathlib import Path, PurePosixPath

from limbeck.core.errors import BundleError

_LIMIT_BYTES = {".json": 64 << 20, ".txt": 64 << 20, ".yaml": 1 << 20, ".md": 16 << 20, ".onnx": 2 << 30}
_TOKENIZER = ("tokenizer.json", 256 << 20)
"""The largest tokenizers in use have 40 MB; an ONNX file cannot have more than 2 GB."""
_ENTRIES = 100_000
_KINDS = {
    stat.S_IFLNK: "a link; put what it leads to in its place",
    stat.S_IFDIR: "a directory; remove it",
    stat.S_IFIFO: "a pipe; remove it",
    stat.S_IFSOCK: "a socket; remove it",
    stat.S_IFCHR: "a device; remove it",
    stat.S_IFBLK: "a device; remove it",
}


def is_inside(name: str) -> bool:
    r"""Whether a name, as a manifest holds it, is that of a file inside the folder, on every system.

    >>> [is_inside(name) for name in ("model.onnx", "predictions/student.npz")]
    [True, True]
    >>> [is_inside(name) for name in ("/etc/passwd", "../x", "a/../../x", "", ".", "a//b", "C:x", "a\\b", "a\0b")]
    [False, False, False, False, False, False, False, False, False]
    """
    path = PurePosixPath(name)
    plain = name.isprintable() and not set(name) & {"\\", ":"}
    return plain and not path.is_absolute() and ".." not in path.parts and bool(path.parts) and str(path) == name


def fault_of(folder: Path, name: str) -> str:
    """What is wrong with a file of a folder, judged without opening it; empty if nothing is.

    Args:
        folder: Where it is to lie.
        name: Relative to it, as a manifest holds it.
    """
    if not is_inside(name):
        return "not a plain file name inside the Bundle"
    *above, last = PurePosixPath(name).parts
    place = folder
    for part in above:
        place = place / part
        if place.is_symlink():
            return f"not a plain file: it lies behind the link {part}; put what it leads to in its place"
    return entry_fault(place / last)


def entry_fault(path: Path) -> str:
    """What is wrong with an entry that is to be a plain file, judged without opening it; empty if nothing is."""
    try:
        entry = path.lstat()
    except (OSError, ValueError):  # a name that the system does not take
        return "missing"
    if not stat.S_ISREG(entry.st_mode):
        return f"not a plain file but {_KINDS.get(stat.S_IFMT(entry.st_mode), 'of another kind; remove it')}"
    if entry.st_nlink > 1:
        return "not a plain file: it has a second name elsewhere (a hard link); copy the folder with `cp -r`"
    limit = _TOKENIZER[1] if path.name == _TOKENIZER[0] else _LIMIT_BYTES.get(path.suffix, entry.st_size)
    if entry.st_size > limit:
        return f"{entry.st_size} bytes, more than the {limit} that such a file may have"
    return ""


def check_entry(path: Path) -> None:
    """Refuse an entry that is no plain file of bounded size.

    Raises:
        BundleError: It is none; says what it is and what to do.
    """
    if fault := entry_fault(path):
        raise BundleError(f"{path}: {fault}")


def entries(folder: Path) -> list[str]:
    """Names, relative to the folder, of all that is no directory, links to directories among it.

    Raises:
        BundleError: There are more than any Bundle has.
    """
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found += [(Path(place) / name).relative_to(folder).as_posix() for name in (*files, *links)]
        if len(found) > _ENTRIES:
            raise BundleError(f"{folder}: more than {_ENTRIES} files; this is no model's directory")
    return sorted(found)

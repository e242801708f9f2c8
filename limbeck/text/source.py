"""Bytes of a user's file to text: nothing guessed, nothing dropped, each fault with its place."""

from pathlib import Path

from limbeck.core.errors import DataError

_BYTE_ORDER_MARK = "\ufeff"


def read_text(path: Path, encoding: str, setting: str = "--encoding") -> str:
    """Decode a whole file strictly, without its byte order mark.

    Args:
        path: The file.
        encoding: As Python names it.
        setting: What the user gives another encoding with, for messages.

    Raises:
        DataError: It cannot be opened, is empty, is not of that encoding (with the byte's offset), or has a NUL.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a file that exists") from None
    try:
        text = data.decode(encoding).removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: byte {error.start} (0x{data[error.start]:02x}) is not {encoding}; name the file's "
            f"encoding with {setting}, as latin-1, cp1252, gb18030 or utf-16"
        ) from None
    except (LookupError, UnicodeError):
        raise DataError(
            f"{setting} {encoding}: no such text encoding; there are utf-8, utf-16, latin-1, cp1252, gb18030, …"
        ) from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; give one with rows in it")
    if (at := text.find("\0")) >= 0:
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise DataError(f"{path}:{line}:{column}: a NUL character; remove it, or name the encoding: {setting} utf-16")
    return text

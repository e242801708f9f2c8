"""Bytes of a user's file to text: nothing guessed, nothing dropped, each fault with its place."""

import codecs
from pathlib import Path

from limbeck.core.errors import DataError

_BYTE_ORDER_MARK = "\ufeff"
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SIGNATURES = {
    b"\x1f\x8b": "compressed by gzip; unpack it first: gunzip FILE",
    b"BZh": "compressed by bzip2; unpack it first: bunzip2 FILE",
    b"\xfd7zXZ": "compressed by xz; unpack it first: unxz FILE",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it first: unzstd FILE",
    b"PK\x03\x04": "a zip file, as spreadsheet programs write (.xlsx, .ods); save the sheet as CSV, or unzip it",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or document (.xls, .doc); save the sheet as CSV",
    b"PAR1": "a Parquet file; give it the ending .parquet",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"SQLite format 3": "a SQLite database; write the table as CSV",
}
"""First bytes of files that are no text → what such a file is and what to do."""


def told_by_signature(data: bytes) -> str:
    """What a file is that is no text, by its first bytes, and what to do with it; empty if they tell nothing.

    >>> told_by_signature(b"PAR1...")
    'a Parquet file; give it the ending .parquet'
    """
    return next((told for signature, told in _SIGNATURES.items() if data.startswith(signature)), "")


def lines_of(text: str) -> list[str]:
    r"""Lines that end with LF, CR LF or, where there is no LF at all, CR.

    JSON texts and words may hold the other separators that `str.splitlines` knows.

    >>> lines_of("a\r\n\u2028b\n"), lines_of("a\rb")
    (['a', '\u2028b', ''], ['a', 'b'])
    """
    if "\n" not in text:
        return text.split("\r")
    return [line.removesuffix("\r") for line in text.split("\n")]


def read_text(path: Path, encoding: str, setting: str = "--encoding") -> str:
    """Decode a whole file strictly, without its byte order mark.

    Args:
        path: The file.
        encoding: As Python names it.
        setting: What the user gives another encoding with, for messages.

    Raises:
        DataError: It cannot be opened, is empty, no text, not of that encoding (with the byte's offset), or has a NUL.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a file that exists") from None
    if told := told_by_signature(data):
        raise DataError(f"{path}: not text but {told}")
    if data.startswith(_UTF_16_MARKS) and "16" not in encoding:
        raise DataError(f"{path}: byte 0: the mark of UTF-16 text, not {encoding}; give {setting} utf-16")
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
        before = lines_of(text[:at])
        line, column = len(before), len(before[-1]) + 1
        raise DataError(f"{path}:{line}:{column}: a NUL character; remove it, or name the encoding: {setting} utf-16")
    return text

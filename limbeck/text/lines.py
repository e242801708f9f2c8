"""Lines of text files of any size, plain or compressed, at flat memory: nothing guessed, each fault with its place."""

import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from limbeck.core.errors import DataError
from limbeck.core.shelf import missing_extra
from limbeck.text.corpus import Tally
from limbeck.text.source import told_by_signature

COMPRESSED = (".gz", ".xz", ".zst")
"""Endings that may follow that of a format. What a file is, its first bytes tell."""
_BLOCK_BYTES = 1 << 20
_PACKED_BYTES = 1 << 8
"""What is unpacked of zstd at a time, which may become thirty thousand times as much."""
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPED = tuple(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))
"""Frames of zstd that hold no text, and of which pzstd puts one before each other (RFC 8878, 3.1.2)."""
_CONTROLS = bytes(sorted(frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b")))
_MOST_CONTROLS = 0.05
"""Share of such bytes above which a file is taken for no text at all."""


class Line(NamedTuple):
    """A line of text, or a piece of one that is too long.

    Attributes:
        text: Without its end.
        number: Counted from 1.
        whole: Whether this is all of it; pieces of one line have one number.
    """

    text: str
    number: int
    whole: bool


def bare_suffix(reference: str) -> str:
    """The ending that tells the format, without that of a compression.

    >>> bare_suffix("a/wiki.TXT.xz"), bare_suffix("wiki.jsonl")
    ('.txt', '.jsonl')
    """
    path = Path(reference.lower())
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def read_lines(path: Path, most_bytes: int, tally: Tally) -> Iterator[Line]:
    """The lines of a UTF-8 file; those that are no text are left out and counted.

    They end with LF or CR LF; with CR where there is no LF at all, as far as the first 2²⁰ bytes tell.

    Args:
        path: Plain, or compressed by gzip, xz or zstd.
        most_bytes: A longer line comes in pieces of about this size, cut behind spaces where there are any.
        tally: What was read and left out is counted here.

    Raises:
        DataError: The file cannot be opened, is no text, is of another encoding, or ends in the middle.
    """
    before = last = 0
    try:
        with path.open("rb") as raw:
            for number, data, whole in _split(_text_blocks(path, raw), most_bytes):
                at = raw.tell()
                tally.read += at - before
                tally.lines += number != last
                before, last = at, number
                if (text := _decoded(data, f"{path}:{number}", tally)) is not None:
                    yield Line(text, number, whole)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(
            f"{path}: damaged, or not whole ({error}); what it holds cannot be read to its end: fetch or write it again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); mend its permissions or the disk"
        ) from None


def _decoded(data: bytes, place: str, tally: Tally) -> str | None:
    try:
        return data.decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        tally.leave_out(place, f"byte {error.start + 1} (0x{data[error.start]:02x}) is not UTF-8")
        return None


def _split(blocks: Iterator[bytes], most_bytes: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes and wholeness of each line, or of each piece of one."""
    number, size, whole = 1, 0, True
    pending: list[bytes] = []
    for block in blocks:
        first, *others = block.split(b"\n")
        pending.append(first)
        size += len(first)
        if others:
            yield number, b"".join(pending), whole
            *complete, last = others
            yield from ((number + i, line, True) for i, line in enumerate(complete, 1))
            number, pending, size, whole = number + len(others), [last], len(last), True
        elif size >= most_bytes:
            data = b"".join(pending)
            at = _cut(data)
            yield number, data[:at], False
            pending, size, whole = [data[at:]], len(data) - at, False
    if size:
        yield number, b"".join(pending), whole


def _cut(data: bytes) -> int:
    """Where a piece of a line may end: behind its last space, or at least between two characters."""
    if at := data.rfind(b" ") + 1:
        return at
    at = len(data) - 1
    while at and data[at] & 0xC0 == 0x80:
        at -= 1
    return at or len(data)


def _text_blocks(path: Path, raw: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file, unpacked, without a byte order mark.

    Raises:
        DataError: They are no UTF-8 text.
    """
    blocks = _blocks(raw)
    first = next(blocks, b"")
    if told := told_by_signature(first):
        raise DataError(f"{path}: not text but {told}")
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{path}: the mark of UTF-16 text; write it as UTF-8: iconv -f utf-16 -t utf-8")
    controls = len(first) - len(first.translate(None, _CONTROLS))
    if controls > _MOST_CONTROLS * len(first):
        raise DataError(f"{path}: a binary file ({controls} of its first {len(first)} bytes control); give a text file")
    first = first.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in first and b"\r" in first[:-1]:  # lines end with CR alone
        first, blocks = first.replace(b"\r", b"\n"), (block.replace(b"\r", b"\n") for block in blocks)
    yield first
    yield from blocks


def _blocks(raw: BinaryIO) -> Iterator[bytes]:
    """Blocks of bytes, unpacked; what a file is packed by, it says itself."""
    packed = raw.read(6)
    raw.seek(0)
    if packed.startswith((_ZSTD, *_SKIPPED)):
        yield from _zstd_blocks(raw)
        return
    file: Any = raw
    if packed.startswith(b"\x1f\x8b"):
        file = gzip.GzipFile(fileobj=raw)
    elif packed.startswith(b"\xfd7zXZ"):
        file = lzma.LZMAFile(raw)  # noqa: SIM115  (whoever has opened the file closes it)
    while block := file.read(_BLOCK_BYTES):
        yield block


def _zstd_blocks(raw: BinaryIO) -> Iterator[bytes]:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise missing_extra("zstandard", "reading .zst files") from None
    frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
    ended = True
    try:
        while packed := raw.read(_PACKED_BYTES):
            while packed:
                if ended:
                    frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
                found = frame.decompress(packed)
                yield from (found[at : at + _BLOCK_BYTES] for at in range(0, len(found), _BLOCK_BYTES))
                ended, packed = frame.eof, frame.unused_data
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None
    if not ended:
        raise EOFError("the last frame has no end")

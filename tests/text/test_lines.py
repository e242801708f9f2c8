import gzip
import lzma
import random
import tracemalloc

import pytest
import zstandard

from limbeck.core.errors import DataError
from limbeck.text.corpus import Tally
from limbeck.text.lines import read_lines

LINES = ["To be, or not to be.", "", "東京 is far 🚀.", "\u2028 stays", "NA", "x" * 3000]
TEXT = "\n".join(LINES) + "\n"
PACKERS = {
    "a.txt": lambda data: data,
    "a.txt.gz": gzip.compress,
    "a.txt.xz": lzma.compress,
    "a.txt.zst": zstandard.ZstdCompressor().compress,
}


def read(path, most_bytes=1 << 22, tally=None):
    return [line.text for line in read_lines(path, most_bytes, tally or Tally())]


@pytest.mark.parametrize("name", PACKERS)
def test_each_compression_gives_the_same_lines(name, tmp_path):
    path, tally = tmp_path / name, Tally()
    path.write_bytes(PACKERS[name](TEXT.encode()))
    assert read(path, tally=tally) == LINES
    assert (tally.lines, tally.broken, tally.read) == (len(LINES), 0, path.stat().st_size)


def test_a_compressed_file_is_known_by_what_is_in_it(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(TEXT.encode()))
    assert read(tmp_path / "a.txt") == LINES


def test_frames_of_zstd_that_hold_no_text_are_passed_over(tmp_path):
    frame = zstandard.ZstdCompressor().compress
    skipped = b"\x5a\x2a\x4d\x18\x04\0\0\0size"  # as pzstd writes before each frame
    (tmp_path / "a.txt.zst").write_bytes(skipped + frame(b"a\nb") + skipped + frame(b"c\nd\n"))
    assert read(tmp_path / "a.txt.zst") == ["a", "bc", "d"]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.xz", "a.txt.zst"])
def test_several_packed_parts_are_one_file(name, tmp_path):
    (tmp_path / name).write_bytes(PACKERS[name](b"a\nb") + PACKERS[name](b"c\nd\n"))
    assert read(tmp_path / name) == ["a", "bc", "d"]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.xz", "a.txt.zst"])
def test_a_packed_file_that_ends_in_the_middle_is_refused(name, tmp_path):
    noise = random.Random(0).choices("abcdefgh \n", k=20_000)
    data = PACKERS[name]("".join(noise).encode())
    for end in (len(data) // 2, len(data) - 1):
        (tmp_path / name).write_bytes(data[:end])
        with pytest.raises(DataError, match=rf"{name}: damaged, or not whole .*fetch or write it again"):
            read(tmp_path / name)


def test_line_ends_and_byte_order_marks(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\n\nc")
    assert read(tmp_path / "a.txt") == ["a", "b", "", "c"]


def test_lines_end_with_cr_where_there_is_no_lf(tmp_path):
    tally = Tally()
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\rb" + b"\rc" * (1 << 20))
    assert read(tmp_path / "a.txt", tally=tally) == ["a", "", "b", *["c"] * (1 << 20)]
    (tmp_path / "a.txt").write_bytes(b"a\rb\n\rc\r\n")
    assert read(tmp_path / "a.txt") == ["a\rb", "\rc"]
    (tmp_path / "a.txt").write_bytes(b"a" * ((1 << 20) - 1) + b"\r\nb\r\n")
    assert read(tmp_path / "a.txt") == ["a" * ((1 << 20) - 1), "b"]


@pytest.mark.parametrize("size", [1, 5, 1 << 20, (1 << 20) + 1])
def test_lines_across_blocks(size, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a" * size + b"\n" + b"b" * size)
    assert read(tmp_path / "a.txt") == ["a" * size, "b" * size]


def test_lines_that_are_no_text_are_counted_and_named(tmp_path):
    path, tally = tmp_path / "a.txt", Tally()
    path.write_bytes(b"fine\nbad \xe9 line\nfine\n" + b"x\n" * 1000)
    assert len(read(path, tally=tally)) == 1002
    assert tally.shown == [f"{path}:2: byte 5 (0xe9) is not UTF-8"]
    assert (tally.lines, tally.broken) == (1003, 1)
    tally.check()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("text".encode("utf-16"), "the mark of UTF-16 text"),
        (bytes(range(256)) * 8, "a binary file"),
        (b"PK\x03\x04 and so on", "a zip file"),
        (b"\x7fELF" + b"\0" * 100, "a binary file"),
        (b"PAR1 and so on", "a Parquet file"),
    ],
)
def test_what_is_no_text_is_refused_by_its_beginning(data, told, tmp_path):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=told):
        read(tmp_path / "a.txt")


def test_a_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none.txt")


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("unit", [b"word ", b"x", "京".encode()])
def test_an_endless_line_comes_in_pieces_and_takes_no_memory(name, unit, tmp_path):
    (tmp_path / name).write_bytes(PACKERS[name](unit * (24_000_000 // len(unit))))
    tally, size, pieces = Tally(), 0, 0
    tracemalloc.start()
    for line in read_lines(tmp_path / name, 1 << 20, tally):
        assert not line.whole or pieces
        assert line.number == 1
        size += len(line.text)
        pieces += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 24_000_000 // len(unit) * len(unit.decode())
    assert pieces >= 3
    assert peak < 24 << 20
    assert (tally.lines, tally.broken) == (1, 0)

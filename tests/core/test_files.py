import hashlib
import os

import pytest

from limbeck.core.errors import BundleError, LimbeckError
from limbeck.core.files import (
    check_room,
    claim_directory,
    directory_size,
    new_directory,
    read_json,
    sha256_file,
    write_bytes,
    write_json,
    write_text,
)


class Interrupted(Exception):
    pass


def names(folder):
    return sorted(p.name for p in folder.rglob("*"))


def test_sha256_of_a_file_longer_than_one_chunk(tmp_path):
    data = os.urandom(1 << 20) + b"tail"
    (tmp_path / "f").write_bytes(data)
    assert sha256_file(tmp_path / "f") == hashlib.sha256(data).hexdigest()


def test_a_file_is_replaced_whole_and_leaves_no_litter(tmp_path):
    write_text(tmp_path / "new" / "f", "one")
    write_text(tmp_path / "new" / "f", "two")
    assert (tmp_path / "new" / "f").read_text() == "two"
    assert names(tmp_path) == ["f", "new"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch, broken):
    write_bytes(tmp_path / "f", b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(LimbeckError, match=r"f: could not be written \(No space left on device\). It takes 3 bytes"):
        write_bytes(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


def test_lone_surrogates_are_written_as_escapes(tmp_path):
    write_text(tmp_path / "f", "a\ud800é")
    assert (tmp_path / "f").read_text(encoding="utf-8") == "a\\ud800é"


def test_json_is_written_and_read(tmp_path):
    write_json(tmp_path / "f.json", {"é": [1, None]})
    assert read_json(tmp_path / "f.json") == {"é": [1, None]}


def test_json_refuses_numbers_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "f.json", float("nan"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"{", "Expecting"), (b"\xff", "utf-8"), (b"[" * 100_000, "")]
)
def test_unreadable_json_is_one_message(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(BundleError, match=rf"f\.json: cannot be read as JSON \(.*{reason}"):
        read_json(tmp_path / "f.json")


def test_json_of_unbounded_size_is_refused(tmp_path):
    (tmp_path / "f.json").write_text("[" + " " * 100 + "]")
    with pytest.raises(BundleError, match="larger than 10 bytes"):
        read_json(tmp_path / "f.json", limit_bytes=10)


def test_a_directory_is_absent_until_it_is_whole(tmp_path):
    with new_directory(tmp_path / "deep" / "out") as draft:
        (draft / "sub").mkdir()
        (draft / "sub" / "f").write_text("x")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == ["f", "out", "sub"]


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt])
@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_inside_leaves_everything_as_it_was(tmp_path, existing, error):
    if existing:
        with new_directory(tmp_path / "out") as draft:
            (draft / "old").touch()
    before = names(tmp_path)

    def interrupted():
        with new_directory(tmp_path / "out") as draft:
            (draft / "new").touch()
            raise error

    with pytest.raises(error):
        interrupted()
    assert names(tmp_path) == before


def test_a_directory_is_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with new_directory(tmp_path / "out") as draft:
            (draft / name).touch()
    assert names(tmp_path) == ["new", "out"]


def test_the_old_directory_comes_back_if_the_new_one_cannot_take_its_name(tmp_path, monkeypatch):
    with new_directory(tmp_path / "out") as draft:
        (draft / "old").touch()
    rename = os.rename
    calls = []

    def fail_on_the_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_on_the_second)
    with (
        pytest.raises(LimbeckError, match=r"out: could not be written \(Input/output error\)"),
        new_directory(tmp_path / "out") as draft,
    ):
        (draft / "new").touch()
    assert names(tmp_path) == ["old", "out"]


def test_an_unwritable_place_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(LimbeckError, match=r"file/out: cannot write here .* choose another --out"),
        new_directory(tmp_path / "file" / "out"),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["I/O error: No space left on device (os error 28)", "[enforce fail at inline_container.cc:1]"]
)
def test_a_full_disk_is_one_message_whatever_the_library_raises(tmp_path, text):
    (tmp_path / "out").mkdir()

    def full():
        with new_directory(tmp_path / "out") as draft:
            (draft / "new").write_text("content")
            raise RuntimeError("sorry") from ValueError(text)

    with pytest.raises(
        LimbeckError, match=r"out: could not be written \(No space .*takes 7 bytes or more, and [\d,]+ "
    ):
        full()
    assert names(tmp_path) == ["out"]


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(TypeError, match="unexpected positional"), new_directory(tmp_path / "out"):
        raise TypeError("unexpected positional argument")


def test_a_signal_between_two_renames_brings_the_old_directory_back(tmp_path, monkeypatch):
    with new_directory(tmp_path / "out") as draft:
        (draft / "old").touch()
    rename, calls = os.rename, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), new_directory(tmp_path / "out") as draft:
        (draft / "new").touch()
    assert names(tmp_path) == ["old", "out"]


def test_what_does_not_fit_is_not_begun(tmp_path):
    check_room(tmp_path / "new" / "out", 1)
    with pytest.raises(LimbeckError, match="It takes 1,000,000,000,000,000 bytes"):
        check_room(tmp_path / "new" / "out", 10**15)


def test_directory_size_counts_all_files(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "sub" / "b").write_bytes(b"45")
    assert directory_size(tmp_path) == 5


def test_directory_is_claimed_if_it_is_new_empty_or_ours(tmp_path):
    claim_directory(tmp_path / "new" / "one", ("mark",), "run")
    for left in (".lock", ".mark.0123abcd.tmp"):  # by a process that was killed at once
        (tmp_path / "new" / "one" / left).touch()
    claim_directory(tmp_path / "new" / "one", ("mark",), "run")
    (tmp_path / "new" / "one" / "mark").touch()
    claim_directory(tmp_path / "new" / "one", ("other", "mark"), "run")
    with pytest.raises(LimbeckError, match="holds files that are no Limbeck comparison"):
        claim_directory(tmp_path / "new" / "one", ("other",), "comparison")
    with pytest.raises(LimbeckError, match="is a file"):
        claim_directory(tmp_path / "new" / "one" / "mark", ("mark",), "run")

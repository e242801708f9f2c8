"""A second process is refused and told of the first; what killed ones left is removed, what others make is not."""

import subprocess
import sys
import threading
import time

import pytest

from limbeck.core import holding
from limbeck.core.errors import LimbeckError
from limbeck.core.holding import held
from tests.models import ROOT

HOLD = """if True:
    import sys, time
    from pathlib import Path
    from limbeck.core.holding import held
    with held(Path(sys.argv[1]), within=sys.argv[2] == "within"):
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture(params=["beside", "within"])
def other(request, tmp_path):
    """Another process that makes `out`, and where its lock lies."""
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out"), request.param]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout.readline() == b"held\n"
    yield process, request.param == "within"
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_until_the_first_is_dead(other, tmp_path):
    process, within = other
    with (
        pytest.raises(LimbeckError, match=f"out: process {process.pid} is working on it"),
        held(tmp_path / "out", within=within),
    ):
        pass
    process.kill()
    process.wait()
    with held(tmp_path / "out", within=within):
        assert list(tmp_path.rglob("*.lock")) != []
    assert list(tmp_path.rglob("*.lock")) == []


def test_one_may_wait_for_the_other(other, tmp_path):
    process, within = other
    start = time.monotonic()
    threading.Timer(0.3, process.kill).start()
    with held(tmp_path / "out", within=within, wait=True):
        assert time.monotonic() - start > 0.2


def test_litter_of_the_dead_is_removed_and_nothing_else(tmp_path):
    others = [tmp_path / ".outer.0123abcd.tmp", tmp_path / ".out.tmp", tmp_path / ".out.0123abcd.tmp~"]
    for path in (tmp_path / ".out.0123abcd.tmp", *others):
        path.mkdir()
        (path / "file").touch()
    (tmp_path / ".out.99999999.tmp").touch()
    with held(tmp_path / "out"):
        pass
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_what_a_killed_process_had_taken_a_name_from_has_it_back(tmp_path):
    """Killed between its two renames it leaves an old whole and a new one, of which the old one alone was promised."""
    old, new = tmp_path / ".out.01234567.was", tmp_path / ".out.89abcdef.tmp"
    for path in (old, new):
        path.mkdir()
        (path / path.suffix).touch()
    for _ in range(2):
        with held(tmp_path / "out"):
            assert [p.name for p in (tmp_path / "out").iterdir()] == [".was"]
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        old.mkdir()  # and where the new one has the name, the old one is litter


def test_within_a_directory_what_another_process_makes_is_left(tmp_path):
    for name in ("mine", "steps/dead", "steps/live"):
        path = tmp_path / "run" / name
        path.with_name(f".{path.name}.0123abcd.tmp").mkdir(parents=True)
    (tmp_path / "run/steps/.dead.lock").touch()
    with held(tmp_path / "run/steps/live", wait=True):
        again = tmp_path / "run/steps/.live.89abcdef.tmp"
        again.mkdir()
        with held(tmp_path / "run", within=True):
            assert [p.name for p in (tmp_path / "run").rglob("*.tmp")] == [again.name]


def test_a_place_that_cannot_be_written_to_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LimbeckError, match=r"file/out: cannot write here"), held(tmp_path / "file" / "out"):
        pass


def test_file_systems_without_locks_keep_nobody_out(tmp_path, monkeypatch):
    import fcntl

    asked = []

    def refuse(*_):
        asked.append(True)
        raise OSError(next(iter(holding._NO_LOCKS)), "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with held(tmp_path / "out"), held(tmp_path / "out"):
        assert len(asked) == 2

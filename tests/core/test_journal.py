import json
from pathlib import Path

import pytest

from limbeck.core import journal
from limbeck.core.errors import LimbeckError
from limbeck.core.journal import Journal, read_events


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(journal.time, "monotonic", lambda: Clock.now)
    monkeypatch.setattr(journal.time, "time", lambda: Clock.now)
    return Clock


def test_people_read_what_is_said_as_it_is(capsys):
    Journal().say("[bold]no markup[/bold] at all")
    assert capsys.readouterr() == ("", "[bold]no markup[/bold] at all\n")


def test_a_warning_is_told_and_recorded(capsys, tmp_path, clock):
    Journal(tmp_path / "new" / "log.jsonl").warn("12 rows are [odd]")
    assert capsys.readouterr().err == "warning: 12 rows are [odd]\n"
    assert json.loads((tmp_path / "new" / "log.jsonl").read_text()) == {
        **{"time": 100.0, "event": "warning"},
        "text": "12 rows are [odd]",
    }


def test_warnings_are_kept_for_whoever_made_the_journal(tmp_path):
    run = Journal(tmp_path / "log.jsonl", quiet=True)
    run.warn("before")
    step = run.fresh()
    step.warn_all(["a", "b"])
    assert (run.warnings, step.warnings) == (["before"], ["a", "b"])
    assert [e["text"] for e in read_events(tmp_path / "log.jsonl")] == ["before", "a", "b"]


def test_events_are_appended_one_a_line(tmp_path):
    for loss in (0.5, 0.25):
        Journal(tmp_path / "log.jsonl").record("step", loss=loss, note="a\nb é\ud800", path=tmp_path)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert [e["loss"] for e in events] == [0.5, 0.25]
    assert events[0]["path"] == str(tmp_path)
    assert events[0]["note"].startswith("a\nb é")


def test_quiet_says_nothing_and_records(capsys, tmp_path):
    log = Journal(tmp_path / "log.jsonl", quiet=True)
    log.say("a")
    log.warn("b")
    with log.bar("c", total=2) as bar:
        bar.advance(2, loss=0.5)
    assert capsys.readouterr() == ("", "")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Journal().record("step", loss=1)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys, clock):
    with Journal().bar("epoch 1", total=40) as bar:
        for _ in range(4):
            clock.now += 6.0
            bar.advance(10, loss=0.123456, phase="hidden")
    lines = capsys.readouterr().err.splitlines()
    assert (
        lines
        == [
            "epoch 1: 20/40 steps, 1.7/s, 12 s left  loss 0.1235 phase hidden",
            "epoch 1: 40/40 steps, 1.7/s, took 24.0 s  loss 0.1235 phase hidden",
            "epoch 1: 40/40 steps, 1.7/s, took 24.0 s  loss 0.1235 phase hidden",
        ][: len(lines)]
    )
    assert len(lines) >= 2


def test_progress_that_never_moved_says_nothing(capsys):
    with Journal().bar("epoch 1", total=40):
        pass
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(journal.sys.stderr, "isatty", lambda: True, raising=False)
    with Journal().bar("[epoch]", total=4, unit="rows") as bar:
        bar.advance(4, loss=0.5)
    text = capsys.readouterr().err
    assert "[epoch]" in text
    assert "4/4" in text
    assert "loss 0.5" in text


def test_events_are_read_back_and_torn_lines_passed_over(tmp_path):
    path = tmp_path / "log.jsonl"
    assert list(read_events(path)) == []
    log = Journal(path, quiet=True)
    log.record("done", step="a")
    with path.open("a") as file:
        file.write('{"time": 1, "eve\n7\n')
    log.record("done", step="b")
    assert [event["step"] for event in read_events(path)] == ["a", "b"]


def test_a_line_that_a_crash_has_torn_is_removed_before_others_follow(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Journal(path, quiet=True)
    log.record("done", step="a")
    with path.open("a") as file:
        file.write('{"time": 1, "eve')
    log.recording(path).record("done", step="b")
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_what_a_step_told_after_a_mark_is_forgotten_and_what_others_told_is_not(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Journal(path, quiet=True)
    log.record("step", hash="own")
    own = log.fresh()
    own.warn("before")
    mark = own.mark()
    own.warn("after")
    log.record("failed", run="r")
    log.record("step", hash="other")
    log.record("done", hash="other")
    log.record("step", hash="own")  # a second try, which came no further
    log.record("epoch", epoch=1)
    log.record("run")
    log.record("step", hash="own")
    again = log.fresh()
    again.warn("before")
    again.rewind(mark, "own")
    assert again.warnings == ["before"]
    told = [(e["event"], e.get("hash", e.get("text"))) for e in read_events(path)]
    assert told == [
        ("step", "own"),
        ("warning", "before"),
        ("failed", None),
        ("step", "other"),
        ("done", "other"),
        ("run", None),
    ]


def test_going_back_to_a_mark_that_nothing_followed_changes_nothing(tmp_path):
    log = Journal(tmp_path / "log.jsonl", quiet=True)
    log.record("step", hash="own")
    before = (tmp_path / "log.jsonl").read_text()
    log.rewind(log.mark(), "own")
    (tmp_path / "log.jsonl").unlink()
    log.rewind({"bytes": 999, "warnings": [], "seconds": 1.0}, "own")  # somebody has deleted it
    (tmp_path / "log.jsonl").write_text(before)
    log.rewind({"bytes": 999, "warnings": [], "seconds": 1.0}, "own")
    assert (tmp_path / "log.jsonl").read_text() == before


def test_seconds_before_the_mark_are_counted(tmp_path):
    log = Journal(quiet=True)
    log.rewind({"bytes": 0, "warnings": [], "seconds": 1000.0}, "own")
    assert 1000 < log.seconds < 1100


def test_a_log_on_a_full_disk_is_one_message(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with pytest.raises(LimbeckError, match=r"full: could not be written \(No space left"):
        Journal(Path("/dev/full"), quiet=True).record("step")

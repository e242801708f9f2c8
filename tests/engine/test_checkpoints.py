"""Checkpoints are whole or absent; the newest sound one of the same training is found, and nothing else is touched."""

import os

import pytest
import torch

from limbeck.core import files
from limbeck.core.errors import LimbeckError, TrainingError
from limbeck.core.journal import Journal, read_events
from limbeck.engine.checkpoints import Checkpoints, clear

KEY, OTHER = "a" * 64, "b" * 64


def opened(out, key=KEY, *, every_s=0.0, strict=False) -> Checkpoints:
    return Checkpoints(out, key, every_s=every_s, strict=strict, log=Journal(quiet=True))


def kept(out):
    return sorted(p for p in out.with_name(f"{out.name}.checkpoints").iterdir())


def saved(out, *numbers, key=KEY, best="one"):
    checkpoints = opened(out, key)
    for number in numbers:
        checkpoints.save({"steps": number, "w": torch.full((100,), float(number))}, {"w": torch.ones(50)}, best)
    return checkpoints


def steps(found):
    return None if found is None else found[0]["steps"]


def damage(path, how):
    if how == "deleted":
        path.unlink()
        return
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if how == "flipped" else content[:-3])


def test_nothing_is_found_where_nothing_was_saved(tmp_path):
    assert opened(tmp_path / "out").newest() is None
    assert list(tmp_path.iterdir()) == []


def test_newest_is_found_as_it_was_saved(tmp_path):
    saved(tmp_path / "out", 1, 2)
    state, best = opened(tmp_path / "out").newest()
    torch.testing.assert_close(state["w"], torch.full((100,), 2.0))
    torch.testing.assert_close(best["w"], torch.ones(50))


def test_two_are_kept_and_numbers_go_on(tmp_path):
    saved(tmp_path / "out", 1, 2, 3)
    saved(tmp_path / "out", 4)
    assert [int(p.name[:9]) for p in kept(tmp_path / "out")] == [3, 4]


def test_best_weights_are_written_twice_and_then_shared(tmp_path):
    saved(tmp_path / "out", 1, 2, 3, 4)
    numbers = {(p / "best.pt").stat().st_ino for p in kept(tmp_path / "out")}
    assert len(numbers) == 2  # damage to one does not reach the other
    assert [(p / "best.pt").stat().st_nlink for p in kept(tmp_path / "out")] == [1, 1]


def test_best_weights_of_another_name_are_written_anew(tmp_path):
    checkpoints = saved(tmp_path / "out", 1, 2)
    checkpoints.save({"steps": 3}, {"w": torch.zeros(50)}, "two")
    torch.testing.assert_close(opened(tmp_path / "out").newest()[1]["w"], torch.zeros(50))


def test_file_systems_without_links_get_copies(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    saved(tmp_path / "out", 1, 2, 3)
    assert steps(opened(tmp_path / "out").newest()) == 3


@pytest.mark.parametrize("how", ["deleted", "flipped", "shortened"])
@pytest.mark.parametrize("name", ["state.pt", "best.pt", "checkpoint.json"])
def test_damage_is_named_and_the_one_before_is_taken(tmp_path, name, how):
    saved(tmp_path / "out", 1, 2, 3)
    damage(kept(tmp_path / "out")[1] / name, how)
    with pytest.raises(TrainingError, match=rf"000000003-.*{name} is .*strict"):
        opened(tmp_path / "out", strict=True).newest()
    log = Journal(tmp_path / "log.jsonl", quiet=True)
    checkpoints = Checkpoints(tmp_path / "out", KEY, every_s=0.0, strict=False, log=log)
    assert steps(checkpoints.newest()) == 2
    (told,) = read_events(tmp_path / "log.jsonl")
    assert (told["event"], name in told["text"], "000000003" in told["text"]) == ("mended", True, True)
    assert log.warnings == []  # the result does not suffer
    checkpoints.save({"steps": 4}, {"w": torch.ones(50)}, "one")
    assert [int(p.name[:9]) for p in kept(tmp_path / "out")] == [2, 3]  # the damaged one has made room


def test_where_all_are_damaged_the_training_begins_anew(tmp_path):
    saved(tmp_path / "out", 1, 2)
    for place in kept(tmp_path / "out"):
        damage(place / "state.pt", "flipped")
    assert opened(tmp_path / "out").newest() is None


def test_those_of_another_training_are_deleted_even_if_damaged(tmp_path):
    saved(tmp_path / "out", 1, 2, key=OTHER)
    damage(kept(tmp_path / "out")[1] / "checkpoint.json", "flipped")
    assert opened(tmp_path / "out").newest() is None
    assert kept(tmp_path / "out") == []


def test_what_a_killed_process_left_is_deleted(tmp_path):
    saved(tmp_path / "out", 1)
    (kept(tmp_path / "out")[0].parent / ".000000002-aaaaaaaaaaaaaaaa.0123abcd.tmp").mkdir()
    assert steps(opened(tmp_path / "out").newest()) == 1
    assert len(kept(tmp_path / "out")) == 1


def test_all_but_the_files_of_others_are_cleared(tmp_path):
    saved(tmp_path / "out", 1, 2)
    mine = tmp_path / "out.checkpoints" / "thesis"
    mine.mkdir()
    clear(tmp_path / "out")
    assert kept(tmp_path / "out") == [mine]
    mine.rmdir()
    clear(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    checkpoints = saved(tmp_path / "out", 1)
    monkeypatch.setattr(files, "_free_bytes", lambda path: 500)
    with pytest.raises(LimbeckError, match=r"000000002-a+: could not be written \(No space.*It takes 1,200 bytes.*500"):
        checkpoints.save({"steps": 2, "w": torch.ones(2, 100)}, {"a": [torch.ones(100)]}, "two")
    assert steps(opened(tmp_path / "out").newest()) == 1


def test_a_disk_that_fills_up_meanwhile_leaves_what_was(tmp_path, monkeypatch):
    checkpoints = saved(tmp_path / "out", 1)

    def full(*_):
        raise RuntimeError("[enforce fail at inline_container.cc:858] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(LimbeckError, match=r"000000002-a+: could not be written \(No space left"):
        checkpoints.save({"steps": 2}, {}, "two")
    assert steps(opened(tmp_path / "out").newest()) == 1
    assert len(kept(tmp_path / "out")) == 1


def test_it_is_time_every_so_often_and_where_it_costs_little(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("limbeck.engine.checkpoints.time.monotonic", lambda: now[0])
    checkpoints = opened(tmp_path / "out", every_s=60.0)
    assert not checkpoints.due()
    assert checkpoints.due(epoch_ended=True)  # what it costs is not known yet
    now[0] = 60
    assert checkpoints.due()
    monkeypatch.setattr(torch, "save", lambda state, path: (path.touch(), now.__setitem__(0, now[0] + 0.5)))
    checkpoints.save({}, {}, "one")  # takes a second
    now[0] += 49
    assert not checkpoints.due(epoch_ended=True)
    now[0] += 2
    assert checkpoints.due(epoch_ended=True)
    assert not checkpoints.due()

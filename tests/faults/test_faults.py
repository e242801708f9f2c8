"""Whatever happens to a run, the same command ends it, and the result is the same. `make test-all` tries all faults."""

import pytest

from tests.faults import trials
from tests.faults.__main__ import tried
from tests.faults.scene import Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    return Scene(tmp_path_factory.mktemp("faults"), short=True)


@pytest.fixture
def tally() -> trials.Tally:
    return trials.Tally()


def test_killed_runs_go_on(scene, tally):
    trials.kills(scene, tally, 4, seed=0)
    trials.torn(scene, tally, 4)
    assert tally.failed == []


def test_asked_runs_end_well_and_go_on(scene, tally):
    trials.signals(scene, tally, 2, seed=0)
    assert tally.failed == []


def test_damaged_checkpoints_are_not_gone_on_from(scene, tally):
    trials.damaged_checkpoints(scene, tally, 2)
    assert tally.failed == []


def test_full_disks_leave_what_was(scene, tally):
    trials.full_disks(scene, tally, sizes=(50_000,))
    assert tally.failed == []


def test_numbers_and_memory_that_run_out_are_told(scene, tally):
    trials.numbers(scene, tally, steps=(9,))
    trials.memory(scene, tally, steps=(3,))
    assert tally.failed == []


def test_a_second_process_is_refused(scene, tally):
    trials.second_processes(scene, tally)
    assert tally.failed == []


@pytest.mark.slow
def test_all_faults_are_survived(tmp_path):
    tally = tried(tmp_path, 200, seed=1)
    print(tally.text())
    assert tally.failed == []
    assert tally.tried.total() >= 200
    assert tally.tried["kills"] >= 50

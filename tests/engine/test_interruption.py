"""Being asked to stop: the first time what is under way is finished, the second time it is left."""

import os
import signal
import sys
import threading

import pytest

from limbeck.core.journal import Journal
from limbeck.engine.exam import TaskExam
from limbeck.engine.interruption import StoppedError, listening
from limbeck.engine.step import Step
from limbeck.pipeline import run_stage
from tests import models


@pytest.fixture(autouse=True)
def _handlers():
    """Python's own, also where the tests run in the background; what was set comes back, whatever a test does."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: lambda *_: sys.exit(143)}
    before = {n: signal.signal(n, handler) for n, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_taken_down_and_let_through_in_the_end(number, capfd):
    before, seen = signal.getsignal(number), []

    def block():
        with listening() as asked:
            signal.raise_signal(number)
            seen.append(asked.number)

    with pytest.raises((KeyboardInterrupt, SystemExit)):  # nobody has acted on it
        block()
    assert seen == [number]
    assert signal.getsignal(number) is before
    assert "once more stops at once" in capfd.readouterr().err


def test_the_second_signal_is_obeyed_at_once():
    def asked_twice():
        with listening():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        asked_twice()


def test_what_is_ignored_stays_ignored(capfd):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with listening() as asked:
        signal.raise_signal(signal.SIGINT)
    assert asked.number == 0
    assert capfd.readouterr().err == ""


def test_what_may_be_left_is_left_at_once():
    with listening() as asked:
        with pytest.raises(StoppedError), asked.leaving():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(StoppedError), asked.leaving():
            pytest.fail("was asked before")
        assert asked.number == signal.SIGTERM
        asked.number = 0  # acted on


def test_another_thread_listens_to_nothing():
    found = []

    def run():
        with listening() as asked:
            found.append(asked.number)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [0]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    fields = {"train": str(models.reviews(folder / "r.csv", 60)), "min_rows": 1}
    data = run_stage("prepare", {}, fields, folder / "data", (), Journal(quiet=True))
    return data, str(models.backbone(folder / "bert", layers=1))


@pytest.mark.parametrize(
    ("number", "code", "place", "told"),
    [
        (signal.SIGTERM, 143, (Step, "__call__"), "after 1 steps; what was done is saved"),
        (signal.SIGINT, 130, (TaskExam, "scores"), "after 3 steps; what was done is saved"),
    ],
    ids=["step", "scoring"],
)
def test_a_training_that_is_asked_to_end_saves_and_goes_on(rows, tmp_path, monkeypatch, number, code, place, told):
    data, backbone = rows
    kind, name = place
    run = getattr(kind, name)

    def asked(self, *parts):
        os.kill(os.getpid(), number)
        return run(self, *parts)

    def tuned():
        fields = {"model": backbone, "max_length": 16, "epochs": 1, "batch_size": 16}
        return run_stage("finetune", {"data": data}, fields, tmp_path / "out", (), Journal(quiet=True))

    with monkeypatch.context() as patch:
        patch.setattr(kind, name, asked)
        with pytest.raises(StoppedError, match=told) as stopped:
            tuned()
    assert stopped.value.exit_code == code
    assert [p.name for p in tmp_path.iterdir()] == ["out.checkpoints"]
    taken = []
    step = Step.__call__
    monkeypatch.setattr(Step, "__call__", lambda self, parts: taken.append(1) or step(self, parts))
    assert tuned().faults() == []
    assert len(taken) == (2 if kind is Step else 0)

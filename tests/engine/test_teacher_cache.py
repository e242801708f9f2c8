"""The cache gives what the teacher gives, and never a stale answer."""

import numpy as np
import pytest
import torch

from limbeck.core.journal import Journal
from limbeck.engine.rows import Rows
from limbeck.engine.teacher_cache import CachedTeacher, OnlineTeacher, open_teacher
from limbeck.nn.model import frozen
from limbeck.nn.types import Reads
from limbeck.text.encode import Encoded
from tests import models

READS = Reads(True, frozenset({0, 2}), *[frozenset({4})] * 3)


def rows(*, per_word: bool = False, seed: int = 0) -> Rows:
    draw = np.random.default_rng(seed)
    inputs, targets = [], []
    for length in draw.integers(3, 12, 20):
        firsts = list(range(1, int(length), 2)) if per_word else []
        inputs.append(Encoded(draw.integers(3, models.VOCABULARY, length).tolist(), [0] * int(length), firsts))
        targets.append([0] * (len(firsts) or 1))
    return Rows.of(inputs, targets, per_word=per_word)


def opened(folder, made, *, per_word=False, reads=READS, budget_gb=1.0, dtype="float32", identity="a"):
    teacher = frozen(models.model(per_word=per_word))
    online = OnlineTeacher(teacher, reads, identity)
    log = Journal(quiet=True)
    return online, open_teacher(online, made, folder=folder, budget_gb=budget_gb, dtype=dtype, log=log)


@pytest.mark.parametrize("per_word", [False, True])
def test_cached_equals_computed(tmp_path, per_word):
    made = rows(per_word=per_word)
    teacher, cached = opened(tmp_path, made, per_word=per_word)
    batch = made.batch([7, 0, 13], torch.device("cpu"))
    got, wanted = cached.outputs(batch), teacher.outputs(batch)
    assert isinstance(cached, CachedTeacher)
    torch.testing.assert_close(got.logits, wanted.logits)
    for layer in READS.hidden:
        torch.testing.assert_close(got.hidden[layer], wanted.hidden[layer])
    for kind in ("queries", "keys", "values"):
        torch.testing.assert_close(getattr(got, kind)[4], getattr(wanted, kind)[4])


def test_logits_are_stored_only_where_they_are_read(tmp_path):
    made = rows()
    teacher, cached = opened(tmp_path, made, reads=Reads(hidden=frozenset({1})))
    batch = made.batch([3, 4], torch.device("cpu"))
    assert cached.outputs(batch).logits is None
    torch.testing.assert_close(cached.outputs(batch).hidden[1], teacher.outputs(batch).hidden[1])


def test_half_precision_is_close(tmp_path):
    made = rows()
    teacher, cached = opened(tmp_path, made, dtype="float16")
    batch = made.batch([1, 2], torch.device("cpu"))
    got, wanted = cached.outputs(batch), teacher.outputs(batch)
    torch.testing.assert_close(got.hidden[2].float(), wanted.hidden[2], rtol=2e-3, atol=2e-3)


def test_nothing_is_stored_beyond_the_budget(tmp_path):
    _, teacher = opened(tmp_path, rows(), budget_gb=0.0)
    assert isinstance(teacher, OnlineTeacher)
    assert list(tmp_path.iterdir()) == []


def test_second_opening_computes_nothing(tmp_path):
    opened(tmp_path, rows())
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.bin")}
    opened(tmp_path, rows())
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.bin")} == before


@pytest.mark.parametrize(
    "change",
    [{"identity": "b"}, {"dtype": "float16"}, {"reads": Reads(logits=True)}, {"made": rows(seed=1)}],
    ids=["teacher", "precision", "outputs", "rows"],
)
def test_each_input_is_in_the_key(tmp_path, change):
    opened(tmp_path, rows())
    opened(tmp_path, **{"made": rows(), **change})
    assert len(list(tmp_path.iterdir())) == 2


def test_torn_cache_is_rebuilt(tmp_path):
    made = rows()
    opened(tmp_path, made)
    file = next(tmp_path.rglob("hidden.2.bin"))
    file.write_bytes(file.read_bytes()[:-8])
    teacher, cached = opened(tmp_path, made)
    batch = made.batch([19], torch.device("cpu"))
    torch.testing.assert_close(cached.outputs(batch).hidden[2], teacher.outputs(batch).hidden[2])

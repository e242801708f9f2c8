"""The cache gives what the teacher gives, and never a stale answer."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from limbeck.core.errors import LimbeckError
from limbeck.core.journal import Journal
from limbeck.engine import teacher_cache
from limbeck.engine.rows import Rows
from limbeck.engine.teacher_cache import CachedTeacher, OnlineTeacher, open_teachers
from limbeck.nn.model import frozen
from limbeck.nn.types import Outputs, Reads
from limbeck.text.encode import Encoded
from tests import models
from tests.faults.faults import damages

LOGITS = Reads(logits=True)
READS = Reads(True, frozenset({0, 2}), *[frozenset({4})] * 3)


def rows(*, per_word: bool = False, seed: int = 0) -> Rows:
    draw = np.random.default_rng(seed)
    inputs, targets = [], []
    for length in draw.integers(3, 12, 20):
        firsts = list(range(1, int(length), 2)) if per_word else []
        inputs.append(Encoded(draw.integers(3, models.VOCABULARY, length).tolist(), [0] * int(length), firsts))
        targets.append([0] * (len(firsts) or 1))
    return Rows.of(inputs, targets, per_word=per_word)


def opened(
    folder,
    made,
    *,
    per_word=False,
    reads=READS,
    budget_gb=1.0,
    dtype="float32",
    identity="a",
    quiet=True,
    memory_gb=0.0,
):
    teacher = frozen(models.model(per_word=per_word))
    online = OnlineTeacher(teacher, reads, identity)
    log = Journal(quiet=quiet)
    sizes = {"budget_gb": budget_gb, "memory_gb": memory_gb}
    return online, open_teachers(online, [reads], made, folder=folder, dtype=dtype, log=log, **sizes)[reads]


def size_gb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.bin")) / 1e9


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


def test_what_does_not_all_fit_is_kept_of_phases_that_read_least(tmp_path):
    made = rows()
    online, _ = opened(tmp_path / "whole", made)
    sizes = {"budget_gb": 0.5 * size_gb(tmp_path / "whole"), "dtype": "float32", "log": Journal(quiet=True)}
    found = open_teachers(online, [READS, LOGITS], made, folder=tmp_path / "part", **sizes)
    assert [file.name for file in (tmp_path / "part").rglob("*.bin")] == ["logits.bin"]
    assert isinstance(found[READS], OnlineTeacher)
    assert isinstance(found[LOGITS], CachedTeacher)
    batch = made.batch([7, 0, 13], torch.device("cpu"))
    torch.testing.assert_close(found[LOGITS].outputs(batch).logits, found[READS].outputs(batch).logits)
    torch.testing.assert_close(vars(found[READS].outputs(batch)), vars(online.outputs(batch)))


def test_each_phase_gathers_its_own_part_of_one_cache(tmp_path):
    made = rows()
    inside = Reads(hidden=frozenset({2}))
    online, _ = opened(tmp_path, made)
    sizes = {"budget_gb": 1.0, "dtype": "float32", "log": Journal(quiet=True)}
    found = open_teachers(online, [inside, LOGITS, READS], made, folder=tmp_path, **sizes)
    assert len(list(tmp_path.iterdir())) == 1, "what all read together is what one of them reads"
    batch = made.batch([7, 0, 13], torch.device("cpu"))
    wanted = online.outputs(batch)
    torch.testing.assert_close(vars(found[LOGITS].outputs(batch)), vars(Outputs(logits=wanted.logits)))
    torch.testing.assert_close(vars(found[inside].outputs(batch)), vars(Outputs(hidden={2: wanted.hidden[2]})))


@pytest.mark.parametrize("share", [1.0, 0.9], ids=["fits", "fits in half precision alone"])
def test_what_half_precision_does_not_hold_is_kept_in_full(tmp_path, share, capsys):
    made = rows()
    teacher = frozen(models.model())
    with torch.no_grad():
        teacher.network.bert.embeddings.LayerNorm.weight.mul_(1e6)
    online = OnlineTeacher(teacher, READS, "a")
    full_gb = (len(made.ids) * 24 * (4 + 4 * 2) + 3 * 4 * len(made)) / 1e9  # one array in full, four in half, logits

    def both():
        sizes = {"budget_gb": share * full_gb + 1e-12, "dtype": "float16", "log": Journal()}
        return open_teachers(online, [READS, LOGITS], made, folder=tmp_path, **sizes)

    both()
    told = "beyond the range of float16, and therefore kept as float32: hidden.0\n"
    assert capsys.readouterr().err.count(told) == 1
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.bin")}
    assert sum(path.stat().st_size for path in before) == (round(full_gb * 1e9) if share == 1 else 3 * 4 * len(made))
    found = both()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.bin")} == before
    assert isinstance(found[LOGITS], CachedTeacher)
    assert isinstance(found[READS], CachedTeacher) is (share == 1)
    batch = made.batch([7, 0, 13], torch.device("cpu"))
    got, wanted = found[READS].outputs(batch), online.outputs(batch)
    assert wanted.hidden[0].abs().max() > 65504
    torch.testing.assert_close(got.hidden[0], wanted.hidden[0])
    torch.testing.assert_close(got.hidden[2].float(), wanted.hidden[2], rtol=2e-3, atol=2e-3)


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


@pytest.mark.parametrize("how", ["shortened", "flipped", "deleted"])
@pytest.mark.parametrize("name", ["hidden.2.bin", "logits.bin", "cache.json"])
def test_damaged_cache_is_told_of_and_rebuilt(tmp_path, name, how, capsys):
    made = rows()
    opened(tmp_path, made)
    dict(damages(next(tmp_path.rglob(name))))[how]()
    teacher, cached = opened(tmp_path, made, quiet=False)
    told = capsys.readouterr().err
    assert name in told
    assert "computed again" in told
    batch = made.batch([19], torch.device("cpu"))
    torch.testing.assert_close(cached.outputs(batch).hidden[2], teacher.outputs(batch).hidden[2])


@pytest.mark.parametrize("per_word", [False, True])
def test_outputs_are_the_same_wherever_they_are_kept(tmp_path, per_word):
    made = rows(per_word=per_word)
    _, mapped = opened(tmp_path, made, per_word=per_word)
    size = size_gb(tmp_path)
    _, whole = opened(tmp_path, made, per_word=per_word, memory_gb=size)
    _, beyond = opened(tmp_path, made, per_word=per_word, memory_gb=0.999 * size)
    batch = made.batch([3, 17, 5], torch.device("cpu"))
    answers = mapped.outputs(batch)
    for file in tmp_path.rglob("*.bin"):  # in place: who has read the file whole sees none of it
        np.memmap(file, np.uint8, "r+")[:] = 0
    torch.testing.assert_close(vars(whole.outputs(batch)), vars(answers), rtol=0, atol=0)
    assert not beyond.outputs(batch).hidden[0].any()


@pytest.mark.parametrize("section_bytes", [1, 3000])
def test_what_is_filled_in_sections_is_what_is_filled_at_once(tmp_path, monkeypatch, section_bytes):
    made = rows(per_word=True)
    _, once = opened(tmp_path / "a", made, per_word=True)
    monkeypatch.setattr(teacher_cache, "_SECTION_BYTES", section_bytes)
    _, parts = opened(tmp_path / "b", made, per_word=True)
    batch = made.batch(range(20), torch.device("cpu"))
    torch.testing.assert_close(vars(parts.outputs(batch)), vars(once.outputs(batch)))


def own_bytes() -> int:
    """Memory of this process that no file backs."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("RssAnon:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system tells memory in another way")
def test_a_mapped_cache_takes_no_memory_of_the_process(tmp_path):
    """32 MB of outputs, all of them gathered, in pages that the system may drop."""
    width, tokens = 1024, 8192
    teacher_file = np.memmap(tmp_path / "hidden.0.bin", np.float32, "w+", shape=(tokens, width))
    teacher_file[:] = 1
    teacher_file.flush()
    del teacher_file
    header = {"format": 1, "heads": 4, "arrays": {"hidden.0": ["float32", [tokens, width]]}}
    teacher_cache.write_json(tmp_path / "cache.json", header)
    inputs = [Encoded([3] * 8, [0] * 8) for _ in range(tokens // 8)]
    made = Rows.of(inputs, [[0]] * len(inputs), per_word=False)
    reads = Reads(hidden=frozenset({0}))
    before = own_bytes()
    mapped = CachedTeacher(tmp_path, made, reads)
    for start in range(0, len(made), 16):
        assert mapped.outputs(made.batch(range(start, start + 16), torch.device("cpu"))).hidden[0].all()
    assert own_bytes() - before < 8e6
    whole = CachedTeacher(tmp_path, made, reads, whole=True)
    assert own_bytes() - before > 30e6
    assert whole.ahead


def test_a_full_disk_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(LimbeckError, match="No space left on device"):
        opened(tmp_path, rows())
    assert list(tmp_path.iterdir()) == []

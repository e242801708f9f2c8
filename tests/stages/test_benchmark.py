"""Timings are of every role, and ratios of one run."""

import pytest

from limbeck.core.errors import RecipeError
from limbeck.core.measurement import find, read_measurements
from tests.stages.conftest import made


def test_each_role_is_measured_against_the_baseline(teacher, data, tmp_path):
    inputs = {"data": data, "teacher": teacher, "twin": teacher}
    timed = made("benchmark", tmp_path / "b", inputs, texts=10, rounds=2)
    found = read_measurements(timed.file("measurements.json"))
    assert find(found, "teacher", "speedup").value == 1
    for role in ("teacher", "twin"):
        p50, p95 = (find(found, role, f"latency_p{n}") for n in (50, 95))
        assert 0 < p50.low <= p50.value <= p50.high
        assert p50.value <= p95.value
        assert find(found, role, "throughput").value > 0
    ratio = find(found, "teacher", "latency_p50").value / find(found, "twin", "latency_p50").value
    assert find(found, "twin", "speedup").value == pytest.approx(ratio)


def test_no_model_is_refused(data, tmp_path):
    with pytest.raises(RecipeError, match="at least one model"):
        made("benchmark", tmp_path / "b", {"data": data})

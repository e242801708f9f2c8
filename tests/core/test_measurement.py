import pytest

from limbeck.core.errors import BundleError
from limbeck.core.measurement import Measurement, find, read_measurements, write_measurements

ACCURACY = Measurement("student", "accuracy", 0.9125, "fraction", "test", 1000, 0.894, 0.93)
LATENCY = Measurement("student", "latency_p50", 1234.56, "ms")


def test_measurements_survive_the_disk(tmp_path):
    write_measurements(tmp_path / "m.json", [ACCURACY, LATENCY])
    assert read_measurements(tmp_path / "m.json") == [ACCURACY, LATENCY]


def test_a_number_that_is_none_is_never_stored(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_measurements(tmp_path / "m.json", [Measurement("student", "accuracy", float("nan"), "fraction")])
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize("content", [None, "{", "3", "[3]", '[{"model": "a"}]', '[{"modell": "a"}]', "{}x"])
def test_other_files_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "m.json").write_text(content)
    with pytest.raises(BundleError, match=r"m\.json: not a list of measurements .* run `limbeck evaluate` again"):
        read_measurements(tmp_path / "m.json")


def test_people_read_percentages_with_their_interval():
    assert ACCURACY.text() == "91.2 [89.4, 93.0]"
    assert Measurement("student", "accuracy", 0.9125, "fraction").text(2) == "91.25"
    assert LATENCY.text() == "1,234.6"


def test_the_first_match_is_found():
    dev = Measurement("student", "accuracy", 0.5, "fraction", "dev")
    assert find([LATENCY, dev, ACCURACY], "student", "accuracy") is dev
    assert find([LATENCY, dev, ACCURACY], "student", "accuracy", "test") is ACCURACY
    assert find([LATENCY, dev, ACCURACY], "teacher", "accuracy") is None

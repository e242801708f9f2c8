import shutil

import pytest

from limbeck.core.bundle import open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.journal import Journal
from limbeck.core.measurement import find, read_measurements
from limbeck.stages import report
from tests.page.factory import Run

LOG = Journal(quiet=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(n=40, epochs=0).make(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def out(run, tmp_path_factory):
    return report.run(report.Spec(examples=3), run, tmp_path_factory.mktemp("out") / "report", LOG)


def test_makes_a_whole_bundle(out):
    assert out.verify().files() == ("classes.csv", "measurements.json", "predictions.csv", "report.html")
    assert out.facts["headline"][0].startswith("The bundle is 19 % as large")
    assert set(out.manifest["parents"]) == {"data", "teacher", "student", "bundle", "evaluation", "benchmark"}


def test_measurements_of_both_stages_are_merged(out):
    rows = read_measurements(out.file("measurements.json"))
    assert find(rows, "bundle", "accuracy", "test").low is not None
    assert find(rows, "bundle", "latency_p50").unit == "ms"


def test_data_that_was_not_measured_is_refused(run, tmp_path):
    other = Run(n=41, epochs=0).make(tmp_path / "other")["data"]
    with pytest.raises(BundleError, match=r"is not the data that .*evaluation was measured on"):
        report.run(report.Spec(), {**run, "data": other}, tmp_path / "report", LOG)
    with pytest.raises(BundleError, match="nothing is not the data"):
        report.run(report.Spec(), {k: v for k, v in run.items() if k != "data"}, tmp_path / "report", LOG)
    assert not (tmp_path / "report").exists()


def test_damaged_measurements_are_named(run, tmp_path):
    shutil.copytree(run["evaluation"].path, tmp_path / "evaluation")
    path = tmp_path / "evaluation" / "measurements.json"
    path.write_text("[{]".ljust(path.stat().st_size))
    damaged = {**run, "evaluation": open_bundle(tmp_path / "evaluation")}
    with pytest.raises(BundleError, match="not a list of measurements"):
        report.run(report.Spec(), damaged, tmp_path / "report", LOG)

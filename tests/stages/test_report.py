import shutil

import pytest

from limbeck.core.bundle import open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.measurement import find, read_measurements
from limbeck.pipeline import run_stage
from limbeck.stages import report
from tests.page.factory import Run
from tests.page.text_factory import TextRun

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


def test_models_that_were_not_measured_are_refused(run, tmp_path):
    """A student that was trained anew has not yet numbers of its own."""
    told = r"report\.from\.student: .* is not the student that .*evaluation was measured on; give that one, or run"
    with pytest.raises(BundleError, match=told):
        report.run(report.Spec(), {**run, "student": run["teacher"]}, tmp_path / "report", LOG)


def test_damaged_measurements_are_named(run, tmp_path):
    shutil.copytree(run["evaluation"].path, tmp_path / "evaluation")
    path = tmp_path / "evaluation" / "measurements.json"
    path.write_text("[{]".ljust(path.stat().st_size))
    damaged = {**run, "evaluation": open_bundle(tmp_path / "evaluation")}
    with pytest.raises(BundleError, match="not a list of measurements"):
        report.run(report.Spec(), damaged, tmp_path / "report", LOG)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return TextRun().make(tmp_path_factory.mktemp("text"))


def test_models_trained_on_raw_text_need_no_evaluation(text, tmp_path):
    made = report.run(report.Spec(), text, tmp_path / "report", LOG)
    assert made.verify().files() == ("measurements.json", "report.html")
    assert made.facts["headline"][0].startswith("On 60 documents that were held out, the student")
    rows = read_measurements(made.file("measurements.json"))
    assert find(rows, "student", "accuracy", "dev").n == 60
    assert find(rows, "teacher", "parameters").value == 22_713_986


def test_a_model_by_itself_has_a_report(text, tmp_path):
    made = run_stage("report", {"run": text["student"].path}, {}, tmp_path / "report", (), LOG)
    assert made.manifest["parents"]["student"]["digest"] == text["student"].digest
    with pytest.raises(RecipeError, match=r"neither a run \(no recipe.yaml\) nor a Bundle is here"):
        run_stage("report", {"run": tmp_path}, {}, tmp_path / "other", (), LOG)


def test_another_corpus_and_models_that_learnt_from_none_are_refused(text, tmp_path):
    other = run_stage("report", {"run": text["student"].path}, {}, tmp_path / "other", (), LOG)
    with pytest.raises(BundleError, match="is not what student learnt from; give that one, or leave it out"):
        report.run(report.Spec(), {**text, "corpus": other}, tmp_path / "report", LOG)
    with pytest.raises(BundleError, match=r"nor a model trained on raw text \(found teacher\); run `limbeck evaluate`"):
        report.run(report.Spec(), {"teacher": text["teacher"]}, tmp_path / "report", LOG)
    with pytest.raises(BundleError, match="no such directory"):
        run_stage(
            "report", {"student": text["student"], "corpus": tmp_path / "raw.txt"}, {}, tmp_path / "report", (), LOG
        )
    assert not (tmp_path / "report").exists()

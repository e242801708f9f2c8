import pytest

from limbeck.core.errors import BundleError
from limbeck.page.findings import Findings, p_text
from tests.page.factory import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(n=60, epochs=0).make(tmp_path_factory.mktemp("run"))


def test_evaluation_and_benchmark_are_read_together(run):
    findings = Findings.of(run)
    assert findings.find("bundle", "accuracy").n == 60
    assert findings.find("bundle", "speedup").value == pytest.approx(18.4 / 2.61)
    assert len({(m.model, m.metric) for m in findings.measurements}) == len(findings.measurements)


def test_the_role_of_a_model_is_found_by_its_contents(run):
    findings = Findings.of(run)
    assert findings.role_of(run["bundle"]) == "bundle"
    assert findings.role_of(run["student"]) == "student"
    assert findings.role_of(run["data"]) is None


def test_the_headline_of_the_baseline_compares_it_with_nothing(run):
    (sentence,) = Findings.of(run).headline("teacher")
    assert sentence.startswith("The teacher reaches accuracy ")
    assert sentence.endswith(" on 60 test examples.")


def test_an_evaluation_is_needed(run):
    with pytest.raises(BundleError, match="no evaluation among the inputs"):
        Findings.of({"evaluation": run["benchmark"]})


def test_p_values_for_people():
    assert [p_text(p) for p in (0.5, 0.012, 0.0042, 1e-9)] == ["p = 0.50", "p = 0.01", "p = 0.004", "p < 0.001"]

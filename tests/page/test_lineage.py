import json

import pytest
import yaml

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.spec import Spec
from limbeck.page.lineage import checks, environment, lineage, recipe_text
from tests.page.factory import Run


class Timed(Spec):
    """A step with threads."""

    threads: int = 0
    """Threads."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(n=20, epochs=0).make(tmp_path_factory.mktemp("run"))


def test_every_bundle_names_its_parents(run):
    origins = {origin.role: origin for origin in lineage(run)}
    assert origins["data"].parents == ()
    assert [role for role, _, _ in origins["evaluation"].parents] == ["data", "teacher", "student", "bundle"]
    ((_, stage, digest),) = origins["bundle"].parents
    assert (stage, digest) == ("distil", origins["student"].digest)


def test_the_recipe_is_yaml_with_every_step(run):
    steps = yaml.safe_load(recipe_text(run))["steps"]
    assert [step["stage"] for step in steps] == ["prepare", "distil", "distil", "quantize", "evaluate", "benchmark"]
    assert steps[3]["from"] == {"model": "student"}


def changed(source: Bundle, path, **versions: str) -> Bundle:
    """A copy of a manifest with other versions."""
    path.mkdir()
    manifest = source.manifest | {"versions": source.manifest["versions"] | versions}
    (path / "bundle.json").write_text(json.dumps(manifest))
    return open_bundle(path)


def test_differing_versions_say_which_bundle_has_which(run, tmp_path):
    bundles = {"teacher": changed(run["teacher"], tmp_path / "a", numpy="1.0"), "student": run["student"]}
    told = environment(bundles)
    assert told["numpy"] == f"1.0 (teacher); {run['student'].manifest['versions']['numpy']} (student)"
    assert "(" not in told["python"]


def test_threads_are_told(tmp_path):
    with create_bundle(tmp_path / "e", "evaluate", Timed(), {}):
        pass
    with create_bundle(tmp_path / "b", "benchmark", Timed(threads=1), {}):
        pass
    bundles = {"evaluation": open_bundle(tmp_path / "e"), "benchmark": open_bundle(tmp_path / "b")}
    assert environment(bundles)["threads"] == "all (evaluation); 1 (benchmark)"


def test_checks_are_sentences(run):
    assert list(checks(run["teacher"])) == []
    parity, gate = checks(run["bundle"])
    assert parity == "ONNX against PyTorch: logits differ by at most 2e-06 over 14 shapes."
    assert gate.startswith("int8 against its parent on 872 dev examples: accuracy falls by 0.30 points")
    run["bundle"].facts["gate"]["drop"] = None
    assert "accuracy is undefined, " in list(checks(run["bundle"]))[1]

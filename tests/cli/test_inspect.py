"""`limbeck inspect`: whole or damaged, from where, how good."""

import json
import shutil

import pytest

from limbeck.core.bundle import create_bundle, open_bundle
from limbeck.core.measurement import Measurement, write_measurements
from limbeck.core.spec import Spec
from tests.makers import onnx_bundle


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A Bundle with a parent, numbers and a gate."""
    folder = tmp_path_factory.mktemp("inspect")
    gate = {"drop": 0.004, "agreement": 0.99, "metric": "accuracy", "n": 872}
    model = onnx_bundle(folder / "int8", "text_classification", ("no", "yes\x1b[31m"), gate=gate, precision="int8")
    with create_bundle(folder / "bundle", "package", Spec(), {"model": model}) as draft:
        draft.facts.update(model.facts)
        write_measurements(
            draft.path / "measurements.json",
            [
                Measurement("bundle", "accuracy", 0.871, "fraction", "test", 872, 0.85, 0.89),
                Measurement("bundle", "latency_p50", 1.25, "ms"),
            ],
        )
    return open_bundle(folder / "bundle")


@pytest.fixture
def copy(shipped, tmp_path):
    return shutil.copytree(shipped.path, tmp_path / "bundle")


def test_people_see_lineage_and_numbers(cli, shipped):
    result = cli("inspect", shipped.path)
    assert result.exit_code == 0
    parent = shipped.manifest["parents"]["model"]["digest"]
    for part in ("every hash is right", "from model", parent, "kind text_classification", "2: no, yes", "drop 0.004"):
        assert part in result.stdout
    assert "accuracy 87.10 [85.00, 89.00] % on test (n=872)" in result.stdout
    assert "latency_p50 1.25 ms" in result.stdout


def test_programs_see_everything(cli, shipped):
    told = json.loads(cli("inspect", shipped.path, "--json").stdout)
    assert told["digest"] == shipped.digest
    assert told["facts"] == shipped.facts
    assert told["measurements"][0]["value"] == 0.871
    assert told["size_bytes"] == sum(f.stat().st_size for f in shipped.path.iterdir() if f.name != "bundle.json")


def test_a_bundle_cannot_command_the_terminal(cli, shipped):
    assert "\x1b" not in cli("inspect", shipped.path).stdout


def test_a_run_stands_for_what_it_ships(cli, shipped, tmp_path):
    steps = "[{stage: package, out: bundle}, {stage: distil, out: student}]"
    (tmp_path / "recipe.yaml").write_text(f"limbeck: 1\nsteps: {steps}\n")
    for name in ("bundle", "student"):
        shutil.copytree(shipped.path, tmp_path / name)
    assert json.loads(cli("inspect", tmp_path, "--json").stdout)["digest"] == shipped.digest
    (tmp_path / "student" / "measurements.json").write_bytes(b"[]")
    assert cli("inspect", tmp_path).exit_code == 2


def test_every_damaged_file_is_named(cli, copy):
    (copy / "measurements.json").write_bytes(b"[]")
    (copy / "surplus").write_bytes(b"")
    result = cli("inspect", copy)
    assert result.exit_code == 2
    assert "measurements.json: 2 bytes" in result.stderr
    assert "surplus: not in the manifest" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["bundle.json", ""])
def test_what_is_no_bundle_is_refused(cli, copy, name):
    path = copy / name if name else copy.parent
    result = cli("inspect", path)
    assert result.exit_code == 2
    assert "not a Bundle" in result.stderr

"""Bundles made once for all tests that only read them."""

import json

import pytest

from tests.makers import onnx_bundle

TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


@pytest.fixture(scope="session")
def sentences(tmp_path_factory):
    """A Bundle that classifies single texts."""
    return onnx_bundle(tmp_path_factory.mktemp("sentences") / "bundle", "text_classification", ("no", "yes"))


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A Bundle that classifies pairs of texts."""
    path = tmp_path_factory.mktemp("pairs") / "bundle"
    return onnx_bundle(path, "text_classification", ("other", "same"), task_fields={"pair": "second"})


@pytest.fixture(scope="session")
def tags(tmp_path_factory):
    """A Bundle that tags words."""
    return onnx_bundle(tmp_path_factory.mktemp("tags") / "bundle", "token_classification", TAGS)


def edit(path, change):
    """Change a manifest, which no hash covers, in place."""
    manifest = json.loads((path / "bundle.json").read_text())
    change(manifest)
    (path / "bundle.json").write_text(json.dumps(manifest))

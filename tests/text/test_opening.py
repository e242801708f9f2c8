"""The labels of a Bundle stand in its facts and in its configuration, and must be the same wherever it is opened."""

import json

import pytest

from limbeck.core.bundle import create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.spec import Spec
from limbeck.text.opening import open_task


def bundle_of(path, labels, config=None):
    with create_bundle(path, "finetune", Spec(), {}) as draft:
        if config is not None:
            (draft.path / "config.json").write_text(config)
        draft.facts |= {"task": {"kind": "text_classification"}, "labels": labels}
    return open_bundle(path)


@pytest.mark.parametrize("names", [{"0": "bad", "1": "good"}, None])
def test_labels_are_those_of_the_facts(tmp_path, names):
    bundle = bundle_of(tmp_path / "b", ["bad", "good"], json.dumps({"id2label": names}))
    assert open_task(bundle).labels == ("bad", "good")
    assert open_task(bundle_of(tmp_path / "c", ["bad", "good"])).labels == ("bad", "good")


@pytest.mark.parametrize(
    "names",
    [{"0": "good", "1": "bad"}, {"0": "bad"}, {"0": "bad", "1": "good", "2": "so so"}, {"a": "bad", "b": "good"}],
)
def test_a_configuration_with_other_labels_is_refused(tmp_path, names):
    bundle = bundle_of(tmp_path / "b", ["bad", "good"], json.dumps({"id2label": names}))
    with pytest.raises(BundleError, match=r"bundle\.json has the labels .*'bad', 'good'.*, config\.json has id2label"):
        open_task(bundle)


@pytest.mark.parametrize("config", ["", "[]", "{"])
def test_a_damaged_configuration_is_named(tmp_path, config):
    with pytest.raises(BundleError, match=r"config\.json: no JSON object"):
        open_task(bundle_of(tmp_path / "b", ["bad", "good"], config))


@pytest.mark.parametrize("labels", [["a", "a"], ["a", 1]])
def test_labels_that_are_none_are_refused(tmp_path, labels):
    with pytest.raises(BundleError, match="distinct names"):
        open_task(bundle_of(tmp_path / "b", labels))

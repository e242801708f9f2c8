"""Models that were quantised on another processor: what they answered there is held against what they answer here."""

import logging

import pytest

from limbeck.core.errors import BundleError
from limbeck.runtime import load
from limbeck.runtime.witness import bear, difference
from tests.makers import onnx_bundle, tiny_tokenizer
from tests.runtime.conftest import TAGS, edit

TOKENS = tiny_tokenizer().get_vocab_size()
KINDS = {
    "text_classification": ("no", "yes"),
    "multi_label": ("a", "b", "c"),
    "text_regression": ("score",),
    "token_classification": TAGS,
}


@pytest.fixture
def bundle(request, tmp_path):
    """An int8 Bundle from another processor, with what it answered there."""
    task = getattr(request, "param", "text_classification")
    facts = {"precision": "int8", "instruction_sets": ["imaginary_vnni"]}
    made = onnx_bundle(tmp_path / "b", task, KINDS[task], **facts)
    kept = bear(load(made.path), TOKENS)
    edit(made.path, lambda m: m["facts"].update(witness=kept))
    return made.path


@pytest.mark.parametrize("bundle", KINDS, indirect=True)
def test_the_same_answers_are_no_warning(bundle, caplog):
    with caplog.at_level(logging.INFO):
        predictor = load(bundle)
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert "imaginary_vnni" in record.getMessage()
    assert "checked: answers differ by" in record.getMessage()
    assert difference(predictor, predictor.bundle.facts["witness"]) < 1e-3


def test_other_answers_are_a_warning_with_their_size(bundle, caplog):
    def change(manifest):
        answers = manifest["facts"]["witness"]["answers"]
        answers[-1] += 0.5

    edit(bundle, change)
    with caplog.at_level(logging.INFO):
        load(bundle)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "limbeck evaluate" in caplog.text


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"vocabulary": TOKENS, "answers": [0.5]}, "of another model"),
        ({"vocabulary": TOKENS, "answers": ["x"]}, "of another model"),
        ({"vocabulary": "many", "answers": []}, "damaged"),
        ({"vocabulary": 10**9, "answers": [0.5]}, "cannot answer"),
    ],
)
def test_a_witness_that_is_none_is_named(bundle, kept, message):
    edit(bundle, lambda m: m["facts"].update(witness=kept))
    with pytest.raises(BundleError, match=message):
        load(bundle)

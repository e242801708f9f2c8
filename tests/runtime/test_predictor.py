"""Prediction from a Bundle: the right numbers, in the right order, for any text, and clear refusals."""

import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest

from limbeck.core.errors import BundleError
from limbeck.core.predictions import softmax
from limbeck.runtime import load
from limbeck.text.encode import Encoder
from limbeck.text.port import Example
from tests.makers import onnx_bundle, tiny_tokenizer, tiny_weights
from tests.runtime.conftest import TAGS, edit

TEXTS = ["good", "the film is very bad", "", "😀 京 \ud800", "not good film " * 50]


def expected_logits(text, pair=None, *, labels=2, segments=True):
    """What the tiny model gives, computed without onnxruntime."""
    weights = tiny_weights(labels)
    [one] = Encoder(tiny_tokenizer(), 32).texts([text], [pair])
    hidden = weights["embeddings"][one.ids] + (weights["segments"][one.type_ids] if segments else 0)
    return hidden.mean(0) @ weights["classifier"]


@pytest.mark.parametrize("token_budget", [1, 64, 4096])
def test_logits_are_the_models_own_in_the_order_given(sentences, token_budget):
    predictor = load(sentences.path, token_budget=token_budget)
    logits = predictor.logits([Example(t) for t in TEXTS])
    for text, given in zip(TEXTS, logits, strict=True):
        np.testing.assert_allclose(given, [expected_logits(text)], atol=1e-5)


def test_an_answer_is_the_likeliest_label_with_its_probability(sentences):
    [answer] = load(sentences.path).predict(["very good film"])
    probabilities = softmax(expected_logits("very good film"))
    assert answer["label"] == ("no", "yes")[probabilities.argmax()]
    assert answer["probability"] == pytest.approx(probabilities.max(), abs=1e-5)


def test_one_text_is_a_list_of_one(sentences):
    predictor = load(sentences.path)
    assert predictor.predict("good") == predictor.predict(["good"])


def test_no_texts_no_answers(sentences):
    assert load(sentences.path).predict([]) == []


def test_pairs_are_read_together(pairs):
    predictor = load(pairs.path)
    given = predictor.logits([Example("good film", "bad film"), Example("bad film", "good film")])
    np.testing.assert_allclose(given[0], [expected_logits("good film", "bad film")], atol=1e-5)
    assert len(predictor.predict([("good", "bad"), ("bad", "good")])) == 2


def test_a_model_without_segments_gets_none(tmp_path):
    bundle = onnx_bundle(tmp_path / "b", "text_classification", ("no", "yes"), segments=False)
    [given] = load(bundle.path).logits([Example("good film")])
    np.testing.assert_allclose(given, [expected_logits("good film", segments=False)], atol=1e-5)


def test_every_word_gets_its_own_logits_however_long_the_sentence(tags):
    words = ["Anna", "visited", "Oslo", "京", "\x00"] * 30
    predictor = load(tags.path)
    [given] = predictor.logits([Example(words)])
    alone = predictor.logits([Example([w]) for w in words])
    np.testing.assert_allclose(given, np.concatenate(alone), atol=1e-5)
    assert given.shape == (150, len(TAGS))


def test_entities_stand_where_they_say(tags):
    text = "😀 Anna visited 京 Oslo"
    [answer] = load(tags.path).predict([text])
    assert answer["entities"]
    for entity in answer["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0 < entity["probability"] <= 1


@pytest.mark.parametrize("threads", [1, 2, None])
def test_threads_change_no_answer(sentences, threads):
    predictor = load(sentences.path, threads=threads)
    np.testing.assert_allclose(predictor.logits([Example("good")])[0], [expected_logits("good")], atol=1e-5)


def test_warm_up_runs_any_task_and_changes_no_answer(sentences, pairs, tags):
    rows = (Example("good film"), Example("good film", "bad film"), Example(["good", "film"]))
    for bundle, row in zip((sentences, pairs, tags), rows, strict=True):
        predictor = load(bundle.path)
        [before] = predictor.logits([row])
        predictor.warm_up()
        np.testing.assert_array_equal(predictor.logits([row])[0], before)


def test_what_was_loaded_can_be_asked(sentences):
    predictor = load(str(sentences.path))
    assert predictor.labels == ("no", "yes")
    assert predictor.bundle.digest == sentences.digest
    assert predictor.task.labels == predictor.labels


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"labels": ["a", "b", "c"]}, "2\\], the Bundle names 3 labels"),
        ({"labels": ["a", "a"]}, "distinct names"),
        ({"labels": [1, 2]}, "distinct names"),
        ({"labels": []}, "distinct names"),
        ({"task": {"kind": "telepathy"}}, "telepathy"),
        ({"task": {"kind": "token_classification"}}, "names 2 labels for each token"),
        ({"task": None}, "task.kind"),
        ({"max_length": "many"}, "max_length"),
        ({"max_length": 2}, "max_length"),
    ],
)
def test_facts_that_do_not_fit_are_refused(sentences, tmp_path, facts, message):
    path = shutil.copytree(sentences.path, tmp_path / "bundle")
    edit(path, lambda manifest: manifest["facts"].update(facts))
    with pytest.raises(BundleError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("precision", "made_with", "warnings"),
    [("int8", ["imaginary_vnni"], 1), ("fp32", ["imaginary_vnni"], 0), ("int8", None, 0)],
)
def test_int8_from_another_processor_is_warned_of_once(tmp_path, caplog, precision, made_with, warnings):
    facts = {"precision": precision} if made_with is None else {"precision": precision, "instruction_sets": made_with}
    bundle = onnx_bundle(tmp_path / "b", "text_classification", ("no", "yes"), **facts)
    with caplog.at_level(logging.WARNING):
        load(bundle.path).predict(["a", "b"])
    assert [("imaginary_vnni" in r.getMessage()) for r in caplog.records] == [True] * warnings


def test_nothing_is_imported_but_what_predicts(sentences):
    code = """if True:
        import sys
        blocked = {"torch", "transformers", "sklearn", "scipy", "onnx", "pydantic", "yaml", "rich", "typer", "jinja2"}
        sys.modules.update(dict.fromkeys(blocked))
        import limbeck.runtime
        print(limbeck.runtime.load(sys.argv[1]).predict(["good"])[0]["label"])
        print(sorted({name.partition(".")[0] for name, module in sys.modules.items() if module} & blocked))
    """
    result = subprocess.run([sys.executable, "-c", code, sentences.path], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    label, imported = result.stdout.splitlines()
    assert label in ("no", "yes")
    assert imported == "[]"

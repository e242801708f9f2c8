import numpy as np
import pytest

from limbeck.page.findings import Findings
from limbeck.page.losses import losses
from limbeck.text.examples import read_examples
from tests.page.factory import Run


def lost(run: Run, folder, limit: int = 10):
    bundles = run.make(folder)
    findings = Findings.of(bundles)
    return losses(findings, read_examples(bundles["data"], "test"), limit), findings


def test_lost_and_gained_are_counted_for_every_model_but_the_baseline(tmp_path):
    found, findings = lost(Run(n=200, epochs=0), tmp_path, limit=3)
    assert [(one.role, one.base) for one in found] == [("student", "teacher"), ("bundle", "teacher")]
    teacher, bundle = (findings.predictions[r] for r in ("teacher", "bundle"))
    right, now = (p.answers == p.targets for p in (teacher, bundle))
    assert (found[1].lost, found[1].gained) == ((right & ~now).sum(), (now & ~right).sum())
    assert len(found[1].shown) == min(3, found[1].lost)
    sure = [one.answer_confidence for one in found[1].shown]
    assert sure == sorted(sure, reverse=True)


def test_long_texts_are_cut(tmp_path):
    found, _ = lost(Run(texts=["x" * 5000], n=200, epochs=0), tmp_path)
    assert len(found[-1].shown[0].text) == 400


def test_a_long_sentence_is_shown_around_its_surest_error(tmp_path, monkeypatch):
    monkeypatch.setattr("limbeck.page.losses._WORDS", 4)
    run = Run(labels=["O", "B-LOC", "I-LOC"], texts=[f"w{i}" for i in range(50)], n=200, epochs=0)
    found, _ = lost(run, tmp_path)
    for one in found[-1].shown:
        wrong = [word for word in one.words if word.wrong]
        assert len(one.words) <= 4
        assert (one.truth, one.answer) in [(word.truth, word.answer) for word in wrong]


def test_words_without_anything_to_say_are_not_marked(tmp_path):
    found, _ = lost(Run(labels=["O", "B-LOC", "I-LOC"], texts=["w"], n=200, epochs=0), tmp_path)
    words = [word for one in found[-1].shown for word in one.words]
    plain = [word for word in words if not word.marked]
    assert plain
    assert all(word.truth == word.answer == "O" for word in plain)
    assert np.mean([word.wrong for word in words]) < 0.5


@pytest.mark.parametrize("limit", [0, 1])
def test_the_limit_holds(tmp_path, limit):
    found, _ = lost(Run(n=100, epochs=0), tmp_path, limit)
    assert all(len(one.shown) <= limit for one in found)

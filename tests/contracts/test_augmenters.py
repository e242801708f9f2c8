"""What every augmenter must offer: variants decided by seed and row alone, of whatever is written."""

import json
import re
from random import Random

import pytest

from limbeck.core.bundle import create_bundle, open_bundle
from limbeck.core.journal import Journal
from limbeck.core.shelf import shelf
from limbeck.core.spec import Spec
from limbeck.pipeline import run_stage
from limbeck.text.chinese import join_chinese
from limbeck.text.examples import read_examples, write_examples
from limbeck.text.port import Augmenter, Example
from limbeck.text.sentence import Sentence
from limbeck.text.words import split_words
from tests import models

SHELF = shelf("augmenters")
TEXTS = (
    "The good film is not bad, Anna visited Oslo and Lima.",
    "good bad film",
    "a good  film\n\tin Oslo  ",
    "京京 好电影 film 京",
    "我爱北京天安门，good film！",
    "Café naïve ǅungla السلام עולם सिनेमा ไทย 영화",
    "👩‍🚀 good 🇳🇴 film 👍🏽!!",
    "good\u200bfilm \ud800 bad\x00 film",
    "film " * 3000,
    "film" * 3000,
)
BARE = ("", " \n\t", "?!", "🙂", "...")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("augmenters")


@pytest.fixture(scope="module")
def fields(folder):
    """Augmenter → what it needs to run on these texts."""
    (folder / "synonyms.tsv").write_text("good\tfine\nfilm\tmovie\nfilm\tpicture\n好\t佳\n")
    mlm = str(models.masked_lm(folder / "mlm"))
    return {
        "masked_lm": {"model": mlm, "max_length": 24, "candidates": 5},
        "neighbours": {"model": mlm, "candidates": 5},
        "synonyms": {"file": str(folder / "synonyms.tsv")},
    }


@pytest.fixture(params=SHELF.names())
def spec(request, fields):
    return SHELF.parse({"kind": request.param, **fields.get(request.param, {})}, "augmenter")


@pytest.fixture
def augmenter(spec) -> Augmenter:
    return SHELF.build(spec, None)


def sentence(text) -> Sentence:
    return Sentence(text, tuple(join_chinese(text, split_words(text))))


def draws(augmenter, text, seed=0, count=20) -> list[list[str]]:
    random, draw = Random(seed), augmenter.plan(sentence(text))
    return [draw(random) for _ in range(count)]


def bundle(path, rows, **task):
    """A data Bundle whose train has these rows."""
    with create_bundle(path, "prepare", Spec(), {}) as draft:
        write_examples(draft.path / "train.jsonl", rows)
        for split in ("dev", "test"):
            write_examples(draft.path / f"{split}.jsonl", [])
        counts = {"train": len(rows), "dev": 0, "test": 0, "unlabelled": 0}
        facts = {"name": "rows", "labels": ["O", "B-LOC"], "counts": counts, "detected": [], "warnings": []}
        draft.facts.update(task={"kind": "text_classification", **task}, **facts)
    return open_bundle(path)


def augmented(spec, data, out, **more) -> list[Example]:
    made = run_stage("augment", {"data": data}, {"augmenter": spec, **more}, out, (), Journal(quiet=True))
    return read_examples(made, "train")


def test_it_is_documented(spec):
    module = SHELF.load(spec.kind)
    assert re.search(r"arXiv:\d{4}\.\d{5}", module.__doc__)
    assert "Cost" in module.__doc__ or "cost" in module.__doc__


def test_it_offers_what_the_port_asks_for(augmenter):
    assert isinstance(augmenter, Augmenter)
    assert augmenter.title


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_every_variant_has_a_place_for_each_word_and_is_not_empty(augmenter, text):
    words = sentence(text).words
    for variant in draws(augmenter, text, count=5):
        assert len(variant) == len(words)
        assert sentence(text).rewritten(variant)


@pytest.mark.parametrize("text", BARE)
def test_text_without_words_stays(augmenter, text):
    if sentence(text).words:
        assert set(map(tuple, draws(augmenter, text))) == {sentence(text).words}


def test_something_changes_in_every_plain_text(augmenter):
    for text in TEXTS[:2]:
        assert any(tuple(variant) != sentence(text).words for variant in draws(augmenter, text))


def test_only_words_change(augmenter):
    """Emoji, punctuation and what is between words stay where they are."""
    for variant in draws(augmenter, TEXTS[6]):
        text = sentence(TEXTS[6]).rewritten(variant)
        assert re.sub(r"[^👩‍🚀🇳🇴👍🏽!]", "", text) == "👩‍🚀🇳🇴👍🏽!!"


def test_seed_decides_and_nothing_else(spec, augmenter):
    again = SHELF.build(spec, None)
    for text in reversed(TEXTS):  # another order, another batch, another history
        again.plan(sentence(text))
    for text in TEXTS[:7]:
        assert draws(augmenter, text) == draws(again, text)
    assert draws(augmenter, TEXTS[0]) != draws(augmenter, TEXTS[0], seed=1)


def test_it_survives_a_recipe(spec):
    plain = json.loads(json.dumps({"kind": spec.kind, **spec.model_dump(mode="json")}))
    assert SHELF.parse(plain, "augmenter") == spec


def test_one_side_of_a_pair_changes_at_a_time(spec, tmp_path):
    pair = Example("the good film is bad", "anna visited a bad film", "O")
    rows = augmented(spec, bundle(tmp_path / "d", [pair], pair="second"), tmp_path / "o", copies=40)
    assert rows[0] == pair
    changed = {(row.text != pair.text, row.pair != pair.pair) for row in rows[1:]}
    assert changed == {(True, False), (False, True)}


@pytest.mark.parametrize("glue", ["spaces", "characters"])
def test_lists_of_words_stay_lists(spec, tmp_path, glue):
    words = ["The", "good", "film", "in", "Oslo", "!"] if glue == "spaces" else list("好电影在方!")
    data = bundle(tmp_path / "d", [Example(words, None, ["O"] * 6)], kind="token_classification", words=glue)
    rows = augmented(spec, data, tmp_path / "o", copies=30)
    assert rows[0].target == ["O"] * 6
    assert len(rows) > 1
    for row in rows[1:]:
        assert row.target is None
        assert all(isinstance(word, str) and word for word in row.text)
        assert row.text[-1] == "!"
        if spec.kind != "words":  # which leaves words out
            assert len(row.text) == len(words)


def test_row_has_the_same_variants_among_other_rows(spec, tmp_path):
    rows = [Example(text, None, "O") for text in TEXTS[:4]]
    alone = augmented(spec, bundle(tmp_path / "a", rows[:1]), tmp_path / "ao", copies=8)
    among = augmented(spec, bundle(tmp_path / "b", rows[::-1]), tmp_path / "bo", copies=8)
    assert among[-len(alone) :] == alone


def test_more_copies_begin_with_the_same_ones(spec, tmp_path):
    data = bundle(tmp_path / "d", [Example(TEXTS[0], None, "O")])
    few, many = (augmented(spec, data, tmp_path / str(n), copies=n) for n in (4, 12))
    assert many[: len(few)] == few
    assert len(many) > len(few)

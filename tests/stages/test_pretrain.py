"""Pre-training: every family and pretext, from shapes and from models; what comes of it opens with stock classes."""

import contextlib
import json
import math
import random
import re
import shutil

import numpy as np
import pytest
import torch
import transformers
import yaml

import limbeck
from limbeck.core.errors import BundleError, DataError, RecipeError
from limbeck.core.journal import Journal
from tests import models
from tests.makers import WORDS

QUIET = Journal(quiet=True)
SMALL = {"model": "layers=2,hidden=24,heads=2,intermediate=48", "positions": 64, "max_length": 32, "batch_size": 8}
SHORT = {"steps": 4, "evaluate_every": 2, "learning_rate": 2e-3}


def write_corpus(path, documents=120, seed=0):
    """Sentences in which each word decides the next one, so that hidden words can be guessed."""
    draw = random.Random(seed)
    follows = {word: draw.choice(WORDS) for word in WORDS}
    texts = []
    for _ in range(documents):
        sentences = []
        for _ in range(draw.randrange(2, 6)):
            words = [draw.choice(WORDS)]
            while len(words) < 12:
                words.append(follows[words[-1]] if draw.random() < 0.9 else draw.choice(WORDS))
            sentences.append(" ".join(words).capitalize() + ".")
        texts.append(" ".join(sentences))
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain")
    text = write_corpus(folder / "raw.txt")
    tokenizer = limbeck.tokenizer(corpus=str(text), size=120, out=folder / "tokenizer", log=QUIET)
    return limbeck.tokenize(
        corpus=str(text), tokenizer=tokenizer, dev_tokens=400, workers=1, out=folder / "corpus", log=QUIET
    )


def check_card(bundle):
    """It names what it is of, and what it says to do with stock classes can be done."""
    card = bundle.file("README.md").read_text(encoding="utf-8")
    _, front, body = re.split(r"^---$", card, maxsplit=2, flags=re.MULTILINE)
    known = bundle.facts["corpus"]
    family = json.loads(bundle.file("config.json").read_text())["model_type"]
    assert body.startswith(f"\n\n# raw.txt: {family}, 2 × 24")
    assert f"- tokens: {known['tokens']:,}; held out besides: {known['dev_tokens']:,}" in body
    assert "phase 1: 4 steps of 8 texts of up to 32 tokens, rate 0.002" in body
    fills = yaml.safe_load(front)["pipeline_tag"] == "fill-mask"
    blocks = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    assert len(blocks) == 1 + fills
    for block in blocks:
        with contextlib.chdir(bundle.path):
            exec(block, found := {})
        assert "logits" not in found or found["logits"].shape == (1, 2)


def pretrained(corpus, out, **fields):
    return limbeck.pretrain(corpus=corpus, out=out, **{"log": QUIET, **SMALL, **SHORT, **fields})


@pytest.mark.parametrize(
    ("family", "pretexts", "scores", "opened"),
    [
        ("bert", ["masked_lm"], {"accuracy", "top_5"}, "BertForMaskedLM"),
        ("bert", ["masked_lm", "next_sentence"], {"accuracy", "top_5", "pair_accuracy"}, "BertForPreTraining"),
        ("albert", ["masked_lm", "sentence_order"], {"accuracy", "top_5", "pair_accuracy"}, "AlbertForPreTraining"),
        ("roberta", [{"kind": "masked_lm", "whole_words": True}], {"accuracy", "top_5"}, "RobertaForMaskedLM"),
        ("distilbert", [{"kind": "masked_lm", "rarity": 0.7}], {"accuracy", "top_5"}, "DistilBertForMaskedLM"),
        ("electra", ["replaced_token"], {"replaced_accuracy", "replaced_recall"}, "ElectraForPreTraining"),
    ],
)
def test_each_family_learns_what_it_is_asked(corpus, tmp_path, family, pretexts, scores, opened):
    bundle = pretrained(corpus, tmp_path / "out", family=family, pretexts=pretexts)
    history = bundle.facts["history"]
    assert [record["epoch"] for record in history] == [1, 2]
    assert scores <= history[-1]["dev"].keys()
    assert all(0 <= history[-1]["dev"][name] <= 1 for name in scores)
    assert all(math.isfinite(record["loss"]) for record in history)
    assert [record["steps"] for record in history] == [2, 2]
    assert all(2 * 8 * 8 <= record["tokens"] <= 2 * 8 * 32 for record in history)
    check_card(bundle)
    stock, told = getattr(transformers, opened).from_pretrained(bundle.path, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(bundle.path)
    hidden = transformers.AutoModel.from_pretrained(bundle.path)(**tokenizer("good film", return_tensors="pt"))
    assert hidden.last_hidden_state.shape[-1] == 24
    assert stock.config.vocab_size == len(tokenizer)


def test_texts_that_hold_no_pair_are_refused_or_told(corpus, tmp_path):
    pairs = {"pretexts": ["masked_lm", "next_sentence"]}
    with pytest.raises(DataError, match="next_sentence: the corpus has no two texts to ask about"):
        pretrained(corpus, tmp_path / "tight", **pairs, max_length=16)
    text, log = str(write_corpus(tmp_path / "raw.txt", 40)), Journal(quiet=True)
    cut = {"tokenizer": str(corpus.path), "dev_tokens": 60, "workers": 1, "out": tmp_path / "cut", "log": QUIET}
    one_held_out = limbeck.tokenize(corpus=text, **cut)
    assert one_held_out.facts["dev_documents"] == 1
    bundle = pretrained(one_held_out, tmp_path / "out", **pairs, log=log)
    assert any("what is held out has no two texts" in warning for warning in bundle.facts["warnings"])
    assert "pair_accuracy" not in bundle.facts["history"][-1]["dev"]


def test_hidden_words_are_learnt(corpus, tmp_path):
    bundle = pretrained(corpus, tmp_path / "out", steps=150, evaluate_every=50, learning_rate=5e-3, batch_size=16)
    losses = [record["dev"]["loss"] for record in bundle.facts["history"]]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.1
    best_guess = np.load(corpus.file("counts.npy"))
    assert bundle.facts["history"][-1]["dev"]["accuracy"] > 1.1 * best_guess.max() / best_guess.sum()


def test_phases_by_length_are_one_training(corpus, tmp_path):
    phases = [
        {"name": "short", "max_length": 16, "steps": 3, "evaluate_every": 2, "batch_size": 8},
        {"name": "long", "max_length": 64, "steps": 2, "evaluate_every": 2, "batch_size": 4},
    ]
    bundle = limbeck.pretrain(
        corpus=corpus, model=SMALL["model"], positions=64, phases=phases, out=tmp_path / "out", log=QUIET
    )
    assert [(r["phase"], r["epoch"]) for r in bundle.facts["history"]] == [
        ("pretrain 1 short", 1),
        ("pretrain 1 short", 2),
        ("pretrain 2 long", 1),
    ]
    assert bundle.facts["max_length"] == 64


def test_sinusoids_stay_as_they_are(corpus, tmp_path):
    from limbeck.nn.beginnings import sinusoids

    bundle = pretrained(corpus, tmp_path / "out", sinusoidal=True)
    network = transformers.AutoModel.from_pretrained(bundle.path)
    torch.testing.assert_close(network.embeddings.position_embeddings.weight.data, sinusoids(64, 24))


def test_a_lost_head_is_trained_and_the_body_left(corpus, tmp_path):
    encoder = pretrained(corpus, tmp_path / "first").path
    bare = tmp_path / "bare"
    transformers.AutoModel.from_pretrained(encoder).save_pretrained(bare)
    transformers.AutoTokenizer.from_pretrained(encoder).save_pretrained(bare)
    fields = {"model": str(bare), "trained": "head", "max_length": 32, "batch_size": 8, **SHORT}
    headed = limbeck.pretrain(corpus=corpus, out=tmp_path / "headed", log=QUIET, **fields)
    before = transformers.AutoModel.from_pretrained(bare).state_dict()
    after = transformers.AutoModel.from_pretrained(headed.path).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if not name.startswith("pooler"))
    of_shapes = {"model": str(headed.path), "sinusoidal": True, "config": {"hidden_dropout_prob": 0.0}}
    again = limbeck.pretrain(corpus=corpus, out=tmp_path / "again", log=QUIET, **{**fields, **of_shapes})
    assert again.facts["history"] == []
    (line,) = again.facts["warnings"]
    assert line.startswith("pretrain.config, sinusoidal: of a shape alone; ")
    assert (again.path / "model.safetensors").read_bytes() == (headed.path / "model.safetensors").read_bytes()


def test_without_a_rate_what_knows_nothing_is_trained_faster_than_what_is_gone_on_from(corpus, tmp_path):
    fresh = pretrained(corpus, tmp_path / "fresh", learning_rate=None)
    on = limbeck.pretrain(
        corpus=corpus, out=tmp_path / "on", model=str(fresh.path), steps=2, max_length=32, batch_size=8, log=QUIET
    )
    rates = [{record["learning_rate"] for record in bundle.facts["history"]} for bundle in (fresh, on)]
    assert rates == [{5e-4}, {1.6e-3}]  # 5e-5 · 768 / 24


def test_two_runs_are_equal_and_another_seed_is_not(corpus, tmp_path):
    one, two, other = (
        pretrained(corpus, tmp_path / name, seed=seed) for name, seed in (("one", 3), ("two", 3), ("other", 4))
    )
    weights = [(b.path / "model.safetensors").read_bytes() for b in (one, two, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"pretexts": ["next_sentence"]}, RecipeError, "give one about words"),
        ({"pretexts": ["masked_lm", "replaced_token"]}, RecipeError, "found masked_lm, replaced_token"),
        ({"pretexts": ["replaced_token"]}, RecipeError, "set family to electra"),
        (
            {"pretexts": ["masked_lm", "next_sentence"], "family": "roberta"},
            RecipeError,
            "set family to bert or albert",
        ),
        ({"max_length": 128}, RecipeError, "texts of 128 tokens, but positions is 64"),
        ({"family": "no_such"}, RecipeError, "no backbone 'no_such'; there are albert, bert"),
        ({"model": "layers=2,hidden=24,heads=5"}, RecipeError, "pretrain.model: heads=5 does not divide hidden=24"),
        ({"config": {"no_such_field": 1}}, RecipeError, "bert has no no_such_field"),
        ({"config": {"hidden_act": "no_such"}}, RecipeError, "pretrain.model: there is no bert network of that kind"),
    ],
)
def test_what_cannot_be_is_refused_before_a_corpus_is_cut(tmp_path, fields, error, told):
    text = write_corpus(tmp_path / "raw.txt", 3)
    with pytest.raises(error, match=told):
        pretrained(str(text), tmp_path / "out", **fields)
    assert list(tmp_path.iterdir()) == [text]


def test_the_phase_whose_texts_are_too_long_is_named(corpus, tmp_path):
    model = str(models.backbone(tmp_path / "model"))  # of 64 positions
    phases = [{"max_length": 32}, {"max_length": 128}]
    with pytest.raises(BundleError, match=r"--set pretrain\.phases\[1\]\.max_length=64"):
        limbeck.pretrain(corpus=corpus, model=model, phases=phases, out=tmp_path / "out", log=QUIET)


def test_a_corpus_of_another_tokenizer_is_refused(corpus, tmp_path):
    other = models.backbone(tmp_path / "other")
    with pytest.raises(BundleError, match=r"cut into tokens by another tokenizer .* limbeck tokenize CORPUS"):
        limbeck.pretrain(corpus=corpus, model=str(other), max_length=32, steps=1, out=tmp_path / "out", log=QUIET)


def flipped(store, place):
    """A copy of a token store in which one bit of a token is another."""
    shutil.copytree(store.path, place)
    tokens = bytearray((place / "train" / "00000.tokens").read_bytes())
    tokens[1] ^= 0x80
    (place / "train" / "00000.tokens").write_bytes(tokens)
    return place


def test_a_damaged_corpus_is_not_trained_on(corpus, tmp_path):
    place = flipped(corpus, tmp_path / "corpus")
    with pytest.raises(BundleError, match=r"damaged Bundle: train/00000.tokens: sha256 differs .*make it again"):
        pretrained(place, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_result_may_bear_the_name_of_its_shape(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fields = {"positions": 64, "max_length": 32, "batch_size": 8, "steps": 1}
    assert limbeck.pretrain(corpus=corpus, model="1x24", out="1x24", log=QUIET, **fields).facts["name"] == "1x24"


def test_raw_text_is_cut_beside_the_result(tmp_path):
    text = write_corpus(tmp_path / "raw.txt", 60)
    with pytest.raises(DataError, match="no such"):
        limbeck.pretrain(corpus=str(tmp_path / "none.txt"), out=tmp_path / "out", log=QUIET, **SMALL)
    tokenizer = limbeck.tokenizer(corpus=str(text), size=100, out=tmp_path / "words", log=QUIET)
    bundle = limbeck.pretrain(
        corpus=str(text), tokenizer=str(tokenizer.path), out=tmp_path / "out", log=QUIET, **{**SMALL, **SHORT}
    )
    assert (tmp_path / "out-corpus" / "bundle.json").is_file()
    assert bundle.facts["dims"]["vocabulary"] == tokenizer.facts["vocabulary"]


def test_a_corpus_that_holds_nothing_out_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "raw.txt").write_text(" ".join(["A good film is not a bad film."] * 40) + "\n")
    tokenizer = limbeck.tokenizer(corpus=str(tmp_path / "raw.txt"), size=60, out=tmp_path / "words", log=QUIET)
    corpus = limbeck.tokenize(
        corpus=str(tmp_path / "raw.txt"), tokenizer=tokenizer, workers=1, out=tmp_path / "corpus", log=QUIET
    )
    with pytest.raises(DataError, match=r"corpus: no document of at least 8 tokens.* 0 held out.*dev_fraction"):
        pretrained(corpus, tmp_path / "out")

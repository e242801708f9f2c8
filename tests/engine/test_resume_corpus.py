"""A training on raw text that was ended and went on gives, bit for bit, what one gives that ran through."""

import pytest

import limbeck
from limbeck.core.journal import Journal
from tests import models
from tests.engine.test_resume import again_and_again, told
from tests.stages.test_pretrain import write_corpus

QUIET = Journal(quiet=True)
SHAPE = "layers=2,hidden=24,heads=2,intermediate=48"
PHASES = [
    {"name": "short", "max_length": 32, "steps": 5, "evaluate_every": 2, "batch_size": 8, "accumulate": 2},
    {"name": "long", "max_length": 48, "steps": 3, "evaluate_every": 2, "batch_size": 4},
]
RUNS = {
    "masked_lm": {"pretexts": ["masked_lm", "next_sentence"]},
    "replaced_token": {"pretexts": ["replaced_token"], "family": "electra", "config": {"embedding_size": 16}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume_corpus")
    write_corpus(folder / "raw.txt", 60)
    return folder


def cut(folder, tokenizer, name):
    return limbeck.tokenize(
        corpus=str(folder / "raw.txt"), tokenizer=tokenizer, dev_tokens=300, workers=1, out=folder / name, log=QUIET
    )


@pytest.fixture(scope="module")
def corpus(folder):
    text = str(folder / "raw.txt")
    return cut(folder, limbeck.tokenizer(corpus=text, size=100, out=folder / "tokenizer", log=QUIET), "corpus")


@pytest.mark.parametrize("name", RUNS)
def test_pre_training_goes_on_bit_for_bit(name, corpus, tmp_path):
    found = []
    for run, steps in {"whole": (), "parts": (1, 3, 3, 2)}.items():
        (tmp_path / run).mkdir()
        fields = {"model": SHAPE, "positions": 64, "phases": PHASES, **RUNS[name]}
        found.append(told(again_and_again(steps, "pretrain", tmp_path / run / "out", {"corpus": corpus}, fields)))
    assert found[0] == found[1]


def test_general_distillation_goes_on_bit_for_bit(folder, tmp_path):
    backbone = str(models.backbone(folder / "bert", layers=3))
    corpus = cut(folder, backbone, "own")
    teacher = limbeck.pretrain(
        corpus=corpus, model=backbone, trained="head", max_length=32, steps=2, out=folder / "teacher", log=QUIET
    )
    found = []
    for run, steps in {"whole": (), "parts": (2, 2, 1)}.items():
        (tmp_path / run).mkdir()
        fields = {
            "student": "2x12",
            "max_length": 32,
            "pretext": {"kind": "masked_lm", "whole_words": True},
            "frozen": ["positions"],
            "phases": [
                {"objectives": ["soft_targets", "labels", "attention_relations"], "steps": 3, "evaluate_every": 2}
                | {"batch_size": 8},
                {"objectives": ["attention_relations"], "steps": 2, "batch_size": 8},
            ],
        }
        inputs = {"corpus": corpus, "teacher": teacher}
        found.append(told(again_and_again(steps, "distil", tmp_path / run / "out", inputs, fields)))
    assert found[0] == found[1]

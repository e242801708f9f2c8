"""Losses of each training stage at a fixed seed, so that no change of the code moves them unnoticed.

When a change is meant to move them: `python -m tests.golden.test_losses`, and say why in the change.
"""

import json
from pathlib import Path

import pytest

from limbeck.core.bundle import Bundle
from tests import models
from tests.stages.conftest import made
from tests.stages.test_pretrain import write_corpus

GOLDEN = Path(__file__).with_name("losses.json")
TRAINING = {"batch_size": 16, "learning_rate": 3e-3}
PHASES = [
    {"objectives": ["soft_targets", "hidden_states", "attention_scores"], "epochs": 2, **TRAINING},
    {"objectives": ["soft_targets", "labels", "attention_relations"], "epochs": 1, **TRAINING},
]


def losses(folder: Path) -> dict[str, list[dict[str, float]]]:
    """The terms of each epoch of a teacher, a shallow student, a narrow student, and the same for tags."""
    data = made("prepare", folder / "data", train=str(models.reviews(folder / "reviews.csv")))
    tags = made("prepare", folder / "tags", train=str(models.entities(folder / "entities.conll")))
    bert, distilbert = (models.backbone(folder / f, f) for f in ("bert", "distilbert"))
    fields = {"max_length": 32, "epochs": 5, **TRAINING}
    teacher = made("finetune", folder / "teacher", {"data": data}, model=str(bert), **fields)
    tagger = made("finetune", folder / "tagger", {"data": tags}, model=str(distilbert), **fields)
    made_of = {
        "finetune, texts": teacher,
        "finetune, words": tagger,
        "distil, texts": _distil(folder / "a", teacher, data, "half"),
        "distil, narrow": _distil(folder / "b", teacher, data, "layers=2,hidden=16,heads=4,intermediate=20"),
        "distil, words": _distil(folder / "c", tagger, tags, "half"),
        **_raw_text(folder),
    }
    return {
        name: [{"loss": epoch["loss"], **epoch["terms"]} for epoch in bundle.facts["history"]]
        for name, bundle in made_of.items()
    }


def _distil(out: Path, teacher: Bundle, data: Bundle, student: str) -> Bundle:
    return made("distil", out / "student", {"teacher": teacher, "data": data}, student=student, phases=PHASES)


def _raw_text(folder: Path) -> dict[str, Bundle]:
    """Networks of two families from random weights, and a general student."""
    text, backbone = str(write_corpus(folder / "raw.txt")), str(models.backbone(folder / "general"))
    cut = {"corpus": text, "tokenizer": backbone, "dev_tokens": 300, "workers": 1}
    corpus = {"corpus": made("tokenize", folder / "corpus", **cut)}
    steps = {"max_length": 32, "batch_size": 8, "steps": 10, "evaluate_every": 5, "learning_rate": 3e-3}
    shape = {"model": "layers=2,hidden=24,heads=2,intermediate=48", "positions": 64, **steps}
    pairs, replaced = ["masked_lm", "next_sentence"], ["replaced_token"]
    headed = made("pretrain", folder / "headed", corpus, model=backbone, trained="head", **steps)
    general = {"objectives": ["soft_targets", "labels", "attention_relations"], "pretext": "masked_lm", **steps}
    return {
        "pretrain, pairs": made("pretrain", folder / "pairs", corpus, pretexts=pairs, **shape),
        "pretrain, replaced": made(
            "pretrain", folder / "electra", corpus, pretexts=replaced, family="electra", **shape
        ),
        "pretrain, head": headed,
        "distil, general": made("distil", folder / "d", {"teacher": headed, **corpus}, student="2x12", **general),
    }


def test_losses_are_what_they_were(tmp_path):
    wanted, found = json.loads(GOLDEN.read_text()), losses(tmp_path)
    assert found.keys() == wanted.keys()
    for name, epochs in wanted.items():
        for then, now in zip(epochs, found[name], strict=True):
            assert now == pytest.approx(then, rel=2e-3, abs=1e-5), name


if __name__ == "__main__":
    import tempfile

    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        GOLDEN.write_text(json.dumps(losses(Path(place)), indent=1) + "\n")

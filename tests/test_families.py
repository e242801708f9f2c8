"""The whole of `compress` on families of backbones, at toy size: from rows to an int8 Bundle that answers alike."""

import numpy as np
import onnx
import pytest
import torch
import transformers

import limbeck
from limbeck.core.journal import Journal
from limbeck.engine.score import open_scorer
from limbeck.pipeline import Result
from limbeck.text.examples import read_examples
from limbeck.text.port import Example
from tests import models

pytestmark = pytest.mark.slow

TOY = [
    "finetune.max_length=32",
    "finetune.epochs=6",
    "finetune.learning_rate=3e-3",
    "finetune.batch_size=16",
    "distil.phases[0].epochs=2",
    "distil.phases[0].learning_rate=2e-3",
    "distil.phases[1].epochs=1",
    "evaluate.draws=100",
    "benchmark.texts=10",
    "benchmark.rounds=2",
]
TEXTS = ["the film is very good in a", "a bad film"]


def compress(rows, folder, family) -> Result:
    # ALBERT: so large that the exporter folds nothing that is used twice, and a student whose layer is called twice.
    size = {"layers": 4, "hidden": 96} if family == "albert" else {"layers": 2}
    backbone = models.backbone(folder / "backbone", family, **size)
    return limbeck.compress(rows, folder / "run", teacher=str(backbone), settings=TOY, log=Journal(quiet=True))


def check_formats(result: Result) -> None:
    """The fp32 ONNX model answers as its parent; the int8 one passed its gate and holds each weight once, as int8."""
    test = read_examples(result.bundles["prepare"], "test")
    student, exported = result.bundles["distil"], result.bundles["export"]
    pairs = zip(open_scorer(student).logits(test), open_scorer(exported).logits(test), strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 1e-5
    assert result.bundles["quantize"].facts["gate"]["passed"]
    weights = [t for t in onnx.load(result.out / "bundle" / "model.onnx").graph.initializer if len(t.dims) == 2]
    assert not [t.name for t in weights if t.data_type == onnx.TensorProto.FLOAT and t.dims[1] > 1]
    int8 = [t.raw_data for t in weights if t.data_type == onnx.TensorProto.INT8]
    assert len(set(int8)) == len(int8) > 5


@pytest.mark.parametrize("family", ["roberta", "xlm_roberta", "electra", "albert", "distilbert", "mobilebert"])
def test_texts(family, tmp_path):
    result = compress(models.reviews(tmp_path / "reviews.csv", 240), tmp_path, family)
    check_formats(result)
    student = result.bundles["distil"]
    network = transformers.AutoModelForSequenceClassification.from_pretrained(student.path).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(student.path)
    with torch.no_grad():
        stock = [network(**tokens(text, return_tensors="pt")).logits.numpy() for text in TEXTS]
    ours = open_scorer(student).logits([Example(text) for text in TEXTS])
    np.testing.assert_allclose(np.concatenate(ours), np.concatenate(stock), atol=1e-5)
    assert {answer["label"] for answer in limbeck.load(result.out).predict(TEXTS)} <= {"negative", "positive"}


@pytest.mark.parametrize("family", ["roberta", "electra"])
def test_words(family, tmp_path):
    result = compress(models.entities(tmp_path / "entities.conll", 200), tmp_path, family)
    check_formats(result)
    stock = transformers.AutoModelForTokenClassification.from_pretrained(result.bundles["distil"].path)
    assert stock.config.num_hidden_layers == 1
    text = "anna visited the film in oslo"
    [answer] = limbeck.load(result.out).predict([text])
    found = [(e["type"], e["start"], e["end"], e["text"]) for e in answer["entities"]]
    assert found == [("PER", 0, 4, "anna"), ("LOC", 25, 29, "oslo")]

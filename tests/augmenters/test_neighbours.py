"""Neighbours in an embedding table."""

from random import Random

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertForMaskedLM

from limbeck.augmenters.neighbours import Neighbours, Spec, build
from limbeck.core.errors import BundleError
from limbeck.nn.checkpoint import read_word_table
from limbeck.text.sentence import Sentence
from limbeck.text.vocabulary import Vocabulary
from limbeck.text.words import split_words
from tests import models
from tests.makers import tiny_tokenizer


def found(augmenter, text, draws=300):
    draw, random = augmenter.plan(Sentence(text, tuple(split_words(text)))), Random(0)
    return [set(column) for column in zip(*(draw(random) for _ in range(draws)), strict=True)]


@pytest.fixture
def plane():
    """Words as directions in a plane: bad 0°, good 10°, film 22°, visited 60°, oslo 80°, lima 90°, all else 45°."""
    tokenizer = tiny_tokenizer(("北", "方"))
    angles = torch.full((tokenizer.get_vocab_size(),), 45.0)
    for word, angle in {"bad": 0, "good": 10, "film": 22, "visited": 60, "oslo": 80, "lima": 90}.items():
        angles[tokenizer.token_to_id(word)] = angle
    lengths = 1 + torch.arange(len(angles)) % 3  # which must not matter
    table = torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], dim=1) * lengths[:, None]
    return lambda **fields: Neighbours(Spec(probability=1.0, **fields), table, Vocabulary(tokenizer), "plane")


def test_nearest_by_angle_and_never_the_word_itself(plane):
    assert found(plane(candidates=1), "Good film in Oslo") == [{"Bad"}, {"good"}, {"in"}, {"Lima"}]
    assert found(plane(candidates=2), "bad") == [{"good", "film"}]


def test_chinese_characters_answer_one_another(plane):
    assert found(plane(candidates=9), "京") == [{"北", "方"}]


def test_words_of_several_pieces_and_unknown_ones_stay(plane):
    assert found(plane(), "films ǅungla سلام") == [{"films"}, {"ǅungla"}, {"سلام"}]


def test_fewer_words_than_wanted_are_all(plane):
    [drawn] = found(plane(candidates=1000), "film", draws=500)
    assert {"good", "bad", "oslo", "lima", "anna"} <= drawn
    assert not {"film", "京", "g", "##g", "[MASK]"} & drawn


def test_table_is_the_one_of_the_stock_model(tmp_path):
    folder = models.masked_lm(tmp_path / "mlm")
    expected = BertForMaskedLM.from_pretrained(folder).get_input_embeddings().weight
    assert torch.equal(read_word_table(folder), expected)
    bare = models.backbone(tmp_path / "bare", "distilbert")
    assert read_word_table(bare).shape == (tiny_tokenizer().get_vocab_size(), 24)


def test_table_that_is_not_there_is_named(tmp_path):
    folder = models.backbone(tmp_path / "b")
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "word_embeddings" not in k}, folder / "model.safetensors")
    with pytest.raises(BundleError, match=r"no embeddings\.word_embeddings\.weight in its safetensors"):
        read_word_table(folder)
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BundleError, match=r"model\.safetensors: cannot be read"):
        read_word_table(folder)


def test_model_without_a_tokenizer_is_refused(tmp_path):
    folder = models.backbone(tmp_path / "b")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match="no usable tokenizer"):
        build(Spec(model=str(folder)), None)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match="no tokenizer"):
        build(Spec(model=str(folder)), None)


def test_embedded_model_knows_its_words():
    assert found(build(Spec(candidates=3, probability=1.0), None), "terrible") == [{"horrible", "awful", "dreadful"}]


def test_tokenizer_is_the_models_own(tmp_path):
    folder = models.masked_lm(tmp_path / "mlm")
    words = set(Vocabulary(Tokenizer.from_file(str(folder / "tokenizer.json"))).words.values())
    [drawn] = found(build(Spec(candidates=1000, probability=1.0), folder), "film", draws=500)
    assert drawn <= words - {"film"}

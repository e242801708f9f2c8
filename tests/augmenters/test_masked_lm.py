"""What an MLM is asked, how often, and what is made of its answers."""

from random import Random

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM, BertForMaskedLM

from limbeck.augmenters.masked_lm import Filler, Spec, batches, build, likeliest, masked, pieces_of
from limbeck.core.errors import BundleError
from limbeck.text.chinese import join_chinese
from limbeck.text.sentence import Sentence
from limbeck.text.words import is_cjk, split_words
from tests import models
from tests.makers import tiny_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return models.masked_lm(tmp_path_factory.mktemp("mlm"))


@pytest.fixture
def stock(folder):
    return BertForMaskedLM.from_pretrained(folder).eval()


@pytest.fixture
def asked(monkeypatch):
    """Every batch of ids that an MLM was given."""
    found = []
    ask = Filler.log_probabilities

    def remember(self, ids, types, masks):
        found.append(ids.tolist())
        return ask(self, ids, types, masks)

    monkeypatch.setattr(Filler, "log_probabilities", remember)
    return found


def sentence(text):
    return Sentence(text, tuple(join_chinese(text, split_words(text))))


def spec(folder, **fields):
    return Spec(**{"model": str(folder), "max_length": 30, "candidates": 4, "probability": 1.0, **fields})


def outcomes(augmenter, text, draws=200):
    """Each word → what was seen in its place."""
    random, draw = Random(0), augmenter.plan(sentence(text))
    return [set(column) for column in zip(*(draw(random) for _ in range(draws)), strict=True)]


def test_answers_are_those_of_the_whole_head(folder, stock):
    ids = torch.randint(5, 60, (3, 9))
    masks = torch.zeros(3, 9, dtype=torch.bool)
    masks[0, 1] = masks[0, 2] = masks[2, 8] = True
    types = torch.arange(9).expand(3, 9) // 5
    found = Filler(BertForMaskedLM.from_pretrained(folder).eval(), torch.device("cpu"))
    expected = stock(input_ids=ids, token_type_ids=types).logits.log_softmax(-1)[masks]
    torch.testing.assert_close(found.log_probabilities(ids, types, masks), expected.detach())


def test_candidates_are_the_likeliest_words_of_masked_sep_original(folder, stock):
    augmenter = build(spec(folder), None)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    names = ["[CLS]", "the", "[MASK]", "visited", "oslo", "[SEP]", "the", "film", "visited", "oslo", "[SEP]"]
    ids = torch.tensor([[tokenizer.token_to_id(name) for name in names]])
    logits = stock(input_ids=ids, token_type_ids=torch.tensor([[0] * 6 + [1] * 5])).logits[0, 2]
    ranked = [tokenizer.id_to_token(i) for i in logits.argsort(descending=True).tolist()]
    best = [word for word in ranked if word.isalpha() and len(word) > 1 and not is_cjk(word) and word != "film"][:4]
    assert outcomes(augmenter, "The Film visited Oslo")[1] == {word.capitalize() for word in best}


def test_each_place_is_asked_for_once_for_all_variants(folder, asked):
    outcomes(build(spec(folder), None), "the good film visited oslo", draws=50)
    [batch] = asked
    assert len(batch) == 4  # good, film, visited, oslo; "the" is a stop word
    assert len({tuple(ids) for ids in batch}) == 4


def test_one_mask_stands_for_a_word_of_several_pieces(folder, asked):
    words = outcomes(build(spec(folder), None), "films film")
    assert sorted(len(batch[0]) for batch in asked) == [8, 9]  # without masks, [CLS] film ##s film [SEP] twice
    assert "films" not in words[0]
    assert all(word.isalpha() for word in words[0] | words[1])


def test_chinese_words_are_masked_whole_and_stay_as_long(folder, asked):
    words = outcomes(build(spec(folder), None), "我看电影在京")
    [mask] = [i for i in range(60) if Tokenizer.from_file(str(folder / "tokenizer.json")).id_to_token(i) == "[MASK]"]
    place = next(i for i, word in enumerate(sentence("我看电影在京").words) if word == "电影")
    assert max(ids.count(mask) for batch in asked for ids in batch) == 2
    assert len(words[place]) > 1
    assert all(len(word) == 2 and is_cjk(word) for word in words[place])


def test_words_past_the_longest_input_stay(folder):
    words = outcomes(build(spec(folder, max_length=3), None), "good film bad film oslo")
    assert [len(found) > 1 for found in words] == [True, True, True, False, False]
    cut = outcomes(build(spec(folder, max_length=2), None), "good films")  # the second word is cut through
    assert [len(found) > 1 for found in cut] == [True, False]


@pytest.mark.parametrize("family", models.FAMILIES)
def test_every_family_will_do(family, tmp_path):
    tokenizer = models.TOKENIZERS.get(family, tiny_tokenizer)()
    config = models.config(family, vocabulary=tokenizer.get_vocab_size())
    AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(outcomes(build(spec(tmp_path), None), "a film")[1]) == 4
    with pytest.raises(BundleError, match=r"64 positions; set augmenter.max_length to at most 30"):
        build(spec(tmp_path, max_length=31), None)


def test_pieces_and_masks(folder):
    augmenter = build(spec(folder), None)
    whole = sentence("a films oslo")
    encoding = augmenter._encode(whole.text)
    assert pieces_of(encoding, whole) == [[1], [2, 3], [4]]
    place = masked(encoding, 1, [2, 3], mask=99, masks=1)
    assert place.ids == [*encoding.ids[:2], 99, *encoding.ids[4:]]
    assert len(place.types) == len(place.ids)
    assert (place.types.count(0), list(place.masks)) == (5, [2])


def test_batches_are_of_one_length_and_bounded(folder):
    augmenter = build(spec(folder), None)
    encoding = augmenter._encode("good film")
    places = [masked(encoding, i, [1], mask=99, masks=1 + i % 2) for i in range(4000)]
    groups = list(batches(places))
    assert sorted(place.word for group in groups for place in group) == list(range(4000))
    for group in groups:
        assert len({len(place.ids) for place in group}) == 1
        assert len(group) * len(group[0].ids) <= 8192


def test_likeliest_of_many_columns():
    assert likeliest([[("a", -1.0), ("b", -2.0)]], 5) == ["a", "b"]
    assert likeliest([[("a", 0.0), ("b", -3.0)], [("c", 0.0), ("d", -1.0)], [("e", 0.0), ("f", -1.5)]], 4) == [
        "ace",
        "ade",
        "acf",
        "adf",
    ]
    assert likeliest([[]], 3) == []


def test_unfit_models_are_refused(folder, tmp_path):
    with pytest.raises(BundleError, match=r"max_length 31, twice, .* 64 positions; .* at most 30"):
        build(spec(folder, max_length=31), None)
    bare = models.backbone(tmp_path / "bare")
    with pytest.raises(BundleError, match=r"no masked language model \(BertModel\).*neighbours"):
        build(spec(bare), None)
    text = (folder / "tokenizer.json").read_text().replace("[MASK]", "[GONE]")
    other = models.masked_lm(tmp_path / "other")
    (other / "tokenizer.json").write_text(text)
    with pytest.raises(BundleError, match=r"neither \[MASK\] nor <mask>"):
        build(spec(other), None)

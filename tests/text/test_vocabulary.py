"""Tokens that are words."""

from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from limbeck.text.vocabulary import Vocabulary
from tests.makers import WORDS, tiny_tokenizer


def test_words_of_a_word_piece_vocabulary():
    found = set(Vocabulary(tiny_tokenizer(("##good", "Film", "naïve", "ß"))).words.values())
    # An uncased tokenizer never gives "Film" nor "naïve"; single letters are no words, unless they are Chinese.
    assert found == ({*WORDS, "京"} - {"a"})


def test_words_of_a_byte_level_vocabulary():
    vocabulary = {token: i for i, token in enumerate(["f", "i", "Ġ", "fi", "Ġfi", "x"])}
    tokenizer = Tokenizer(BPE(vocabulary, [("f", "i"), ("Ġ", "fi")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    assert Vocabulary(tokenizer).words == {4: "fi"}


def test_pieces_are_those_within_a_text():
    vocabulary = Vocabulary(tiny_tokenizer())
    tokens = vocabulary.tokenizer
    assert [tokens.id_to_token(i) for i in vocabulary.pieces("Film")] == ["film"]
    assert [tokens.id_to_token(i) for i in vocabulary.pieces("films")] == ["film", "##s"]
    assert vocabulary.pieces("\ud800") == []


def test_padding_and_truncation_are_off():
    tokenizer = tiny_tokenizer()
    tokenizer.enable_padding(length=50)
    tokenizer.enable_truncation(1)
    assert len(Vocabulary(tokenizer).pieces("films")) == 2

"""A long text is split into the words that splitting it at once gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.text import wordlist
from limbeck.text.wordlist import WordList
from limbeck.text.words import joined_spans, split_characters, split_words

SPLIT = {"spaces": split_words, "characters": split_characters}
ODD = " \n\t\u3000ab.s'S,-/3京が😀🇳🇴\ufe0f\u200d\u0301\u200b🏽=+(_@:&\ud800\U000e0062\u2019"


def spans(words):
    return list(zip(words.starts.tolist(), words.ends.tolist(), strict=True))


@pytest.mark.parametrize("few", [0, 0.1, 2], ids=["by classes", "as it is", "by spaces"])
@pytest.mark.parametrize("unit", SPLIT)
@given(text=st.text(ODD, max_size=40), times=st.integers(1, 3))
def test_what_is_read_is_what_splitting_gives(few, unit, text, times):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordlist, "_SHORT", 0)
        patch.setattr(wordlist, "_FEW", few)
        words = WordList.read(text * times, unit)
    assert spans(words) == SPLIT[unit](text * times)
    assert list(words) == [(text * times)[start:end] for start, end in spans(words)]


def test_short_and_long_texts_are_read_alike():
    short, long = "Anna's in 東京 👩\u200d🚀! ", "Anna's in 東京 👩\u200d🚀! " * 500
    assert list(WordList.read(short, "spaces")) * 500 == list(WordList.read(long, "spaces"))


def test_of_many_words_few_are_kept():
    words = WordList.read("a film, a good one. " * 50_000, "spaces")
    assert (len(words), len(set(words.spelt))) == (350_000, 6)
    assert len(words.spelt) < 10


@given(st.lists(st.text(max_size=5), max_size=9))
def test_given_words_stand_where_they_are_joined(given_words):
    words = WordList.of(given_words)
    assert list(words) == given_words
    assert spans(words) == joined_spans(given_words)


@pytest.mark.parametrize("text", ["", " ", "\n" * 5000, "\u200b" * 5000])
def test_a_text_without_words_has_none(text):
    words = WordList.read(text, "spaces")
    assert len(words) == len(split_words(text))

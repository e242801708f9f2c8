"""Words exchanged within a text."""

import pytest

from limbeck.text.sentence import Sentence
from limbeck.text.words import split_words


def sentence(text):
    return Sentence(text, tuple(split_words(text)))


@pytest.mark.parametrize("text", ["a  fine\tfilm!", "(3,000) 東京 👩‍🚀's", "don't -- stop…"])
def test_own_words_give_the_text(text):
    assert sentence(text).rewritten(sentence(text).words) == text


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("a fine film", ["", "fine", "film"], "fine film"),
        ("a fine film", ["a", "fine", ""], "a fine"),
        ("a fine film.", ["a", "", "", "."], "a."),
        ("a fine\nfilm", ["a", "", "film"], "a\nfilm"),
        ("東京都", ["東", "", "都"], "東都"),
        ("a fine film", ["ein", "sehr guter", "Film"], "ein sehr guter Film"),
    ],
)
def test_empty_word_goes_with_the_space_before_it(text, words, expected):
    assert sentence(text).rewritten(words) == expected


def test_as_many_words_are_needed():
    with pytest.raises(ValueError, match="shorter"):
        sentence("a fine film").rewritten(["a"])

"""Replacement of words."""

from collections import Counter
from random import Random

import pytest

from limbeck.text.replacement import STOP_WORDS, in_case_of, is_content, replaced


def test_stop_words_are_lower_case_words():
    assert all(word == word.casefold() and word.isalpha() for word in STOP_WORDS)
    assert {"not", "the", "的"} <= STOP_WORDS


@pytest.mark.parametrize("word", ["The", "NOT", "x", "U.S.", "don't", "well-acted", "3D", "", "👍", "s", "的"])
def test_no_content(word):
    assert not is_content(word)


@pytest.mark.parametrize(
    ("word", "candidate", "expected"),
    [
        ("Film", "movie", "Movie"),
        ("FILM", "movie", "MOVIE"),
        ("film", "Oscar", "Oscar"),
        ("I", "we", "We"),
        ("", "a", "a"),
    ],
)
def test_capitals(word, candidate, expected):
    assert in_case_of(word, candidate) == expected


def test_each_place_is_replaced_with_its_probability_and_all_candidates_alike():
    random = Random(0)
    drawn = Counter(replaced(["a", "film"], {1: ["b", "c", "d"]}, 0.4, random)[1] for _ in range(20_000))
    assert drawn["film"] / 20_000 == pytest.approx(0.6, abs=0.02)
    assert all(drawn[word] / 20_000 == pytest.approx(0.4 / 3, abs=0.02) for word in "bcd")


def test_words_given_are_not_altered():
    words = ["a", "film"]
    replaced(words, {1: ["play"]}, 1.0, Random(0))
    assert words == ["a", "film"]

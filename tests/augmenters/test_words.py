"""Swaps and deletions."""

from random import Random

import pytest

from limbeck.augmenters.words import Spec, build, swapped, thinned
from limbeck.text.sentence import Sentence
from limbeck.text.words import split_words


def variants(text, draws=200, **fields):
    whole = Sentence(text, tuple(split_words(text)))
    draw, random = build(Spec(**fields), None).plan(whole), Random(0)
    return [draw(random) for _ in range(draws)]


def moved(words, variant):
    return sum(a != b for a, b in zip(words, variant, strict=True))


@pytest.mark.parametrize(("rate", "swaps"), [(0.01, 1), (0.05, 1), (0.1, 2), (0.5, 10)])
def test_as_many_swaps_as_the_paper_makes(rate, swaps):
    words = [str(i) for i in range(20)]
    for seed in range(50):
        variant = swapped(words, range(20), rate, Random(seed))
        assert sorted(variant) == sorted(words)
        assert 0 < moved(words, variant) <= 2 * swaps
    most = max(moved(words, swapped(words, range(20), rate, Random(seed))) for seed in range(200))
    assert 2 * swaps >= most > swaps


def test_as_many_deletions_as_the_rate_says():
    words = ["film"] * 1000
    gone = sum(thinned(words, range(1000), 0.1, Random(seed)).count("") for seed in range(20))
    assert gone / 20_000 == pytest.approx(0.1, abs=0.01)


def test_one_word_is_always_left():
    for seed in range(200):
        assert any(thinned(["a", "fine", "film"], [0, 1, 2], 0.99, Random(seed)))


def test_punctuation_stays_in_its_place():
    for variant in variants("Well, a fine (very fine) film!", swap=0.5, delete=0.5):
        assert [variant[i] for i in (1, 4, 7, 9)] == [",", "(", ")", "!"]


def test_rate_of_nought_leaves_a_kind_out():
    assert all(sorted(v) == sorted(["a", "fine", "film", "here"]) for v in variants("a fine film here", delete=0))
    assert all(
        [w for w in v if w] == [w for w in ["a", "fine", "film"] if w in v] for v in variants("a fine film", swap=0)
    )


def test_both_kinds_occur():
    lengths = {len([w for w in v if w]) for v in variants("one two three four five six", swap=0.2, delete=0.3)}
    assert 6 in lengths
    assert len(lengths) > 1


def test_lone_word_stays():
    assert {tuple(v) for v in variants("Film!")} == {("Film", "!")}

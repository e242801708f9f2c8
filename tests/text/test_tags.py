import random

import pytest
from seqeval.metrics.sequence_labeling import get_entities

from limbeck.text.tags import entities, is_tag, oddities, to_iob2


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-A I-A B-A I-B O I-B", "B-A I-A B-A B-B O B-B"),
        ("B-A M-A E-A S-B E-B I-B", "B-A I-A I-A B-B B-B B-B"),
        ("B-A L-A U-A W-A O", "B-A I-A B-A B-A O"),
        ("E-A E-A I-A", "B-A B-A B-A"),
        ("B-A-b I-A-b", "B-A-b I-A-b"),
        ("", ""),
    ],
)
def test_to_iob2(tags, expected):
    assert to_iob2(tags.split()) == expected.split()


def test_iob2_is_a_fixed_point_and_entities_are_those_of_seqeval():
    draw = random.Random(0)
    for _ in range(300):
        tags = draw.choices(["O", "B-A", "I-A", "B-B", "I-B"], k=draw.randrange(1, 12))
        once = to_iob2(tags)
        assert to_iob2(once) == once
        assert [(e.type, e.first, e.last - 1) for e in entities(tags)] == get_entities(tags)


@pytest.mark.parametrize("tag", ["O", "B-PER", "M-x-y", "S-人"])
def test_tags(tag):
    assert is_tag(tag)


@pytest.mark.parametrize("tag", ["", "NNP", "B", "B-", "PER-B", "X-PER", "o", "3"])
def test_no_tags(tag):
    assert not is_tag(tag)


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [("B-A I-A O B-B", "iob2"), ("I-A I-A O I-B B-B", "iob1"), ("B-A E-A O S-B", "bioes"), ("O O", "iob2")],
)
def test_the_right_scheme_has_no_oddity(tags, scheme):
    assert oddities([tags.split()])[scheme] == 0


@pytest.mark.parametrize(
    ("tags", "scheme", "count"),
    [("O I-A", "iob2", 1), ("B-A B-A", "iob1", 1), ("B-A O S-A B-A", "bioes", 2), ("E-A I-A", "bioes", 3)],
)
def test_oddities_are_counted(tags, scheme, count):
    assert oddities([tags.split()])[scheme] == count

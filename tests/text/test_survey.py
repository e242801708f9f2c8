from collections import Counter

from limbeck.text import survey
from limbeck.text.port import Example


def test_conflicting_rows_are_those_with_another_label():
    rows = [Example("a", target="x"), Example("a", target="y"), Example("a"), Example("b", target="x")]
    assert survey.conflicting(["a", "a", "a", "b"], rows) == 2
    tagged = [Example(["a"], target=["O"]), Example(["a"], target=["B-X"]), Example(["a"], target=["O"])]
    assert survey.conflicting(["a"] * 3, tagged) == 3


def test_shared_rows():
    assert survey.shared(["a", "a", "b"], ["a", "c"]) == 2


def test_rare_classes_are_shown_in_part():
    assert survey.rare({}, list("abcdefg")) == "'a' (0), 'b' (0), 'c' (0), 'd' (0), 'e' (0) and 2 more"
    assert survey.rare({"a": 10}, ["a"]) == ""


def test_dominant_class_needs_others():
    assert survey.dominant(Counter(a=10)) == ""
    assert survey.dominant(Counter(a=8, b=2)) == ""


def test_shares_of_many_classes():
    assert survey.shares(Counter({str(i): 1 for i in range(12)})).endswith("7 (8 %) and 2 more")

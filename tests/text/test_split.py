import subprocess
import sys
from collections import Counter

import pytest

from limbeck.text.port import Example
from limbeck.text.split import plain_key, shuffled, split_rows

FRACTIONS = {"dev": 0.1, "test": 0.2}


def rows(counts):
    strata = [name for name, n in counts.items() for _ in range(n)]
    return [f"{name} {i}" for i, name in enumerate(strata)], strata


def test_each_class_gives_its_share():
    keys, strata = rows({"a": 500, "b": 100, "c": 10})
    found = split_rows(keys, strata, FRACTIONS, seed=0)
    assert sorted(i for part in found.values() for i in part) == list(range(610))
    assert {name: Counter(strata[i] for i in part) for name, part in found.items()} == {
        "train": {"a": 350, "b": 70, "c": 7},
        "dev": {"a": 50, "b": 10, "c": 1},
        "test": {"a": 100, "b": 20, "c": 2},
    }


def test_small_classes():
    keys, strata = rows({"one": 1, "two": 2, "three": 3})
    found = split_rows(keys, strata, FRACTIONS, seed=0)
    assert {name: sorted(strata[i] for i in part) for name, part in found.items()} == {
        "train": ["one", "three", "two", "two"],
        "dev": ["three"],
        "test": ["three"],
    }


def test_equal_rows_stay_together_and_large_groups_in_train():
    keys = [f"k{i % 60}" for i in range(180)] + ["often"] * 100
    found = split_rows(keys, ["x"] * 280, FRACTIONS, seed=3)
    parts = [{keys[i] for i in part} for part in found.values()]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert "often" in parts[0]
    assert abs(len(found["dev"]) - 28) < 3
    assert abs(len(found["test"]) - 56) < 3


def test_equal_rows_with_different_labels_stay_together():
    keys = [f"k{i % 50}" for i in range(100)]
    found = split_rows(keys, ["a"] * 50 + ["b"] * 50, FRACTIONS, seed=0)
    assert all((i + 50 in part) for part in found.values() for i in part if i < 50)


def test_unlabelled_rows_stay_in_train_unless_a_labelled_one_is_equal():
    keys = [*(f"k{i}" for i in range(50)), *(f"u{i}" for i in range(50)), "k0", "k1", "k2"]
    strata = ["x"] * 50 + [None] * 53
    found = split_rows(keys, strata, FRACTIONS, seed=0)
    assert set(range(50, 100)) <= set(found["train"])
    for part in found.values():
        assert [i in part for i in (0, 1, 2)] == [i in part for i in (100, 101, 102)]


def test_nothing_to_draw():
    assert split_rows(["a", "b"], ["x", "y"], {}, seed=0) == {"train": [0, 1]}


def test_order_of_rows_does_not_matter_and_the_seed_does():
    keys, strata = rows({"a": 60, "b": 40})
    forward = split_rows(keys, strata, FRACTIONS, seed=0)
    back = split_rows(keys[::-1], strata[::-1], FRACTIONS, seed=0)
    assert {keys[i] for i in forward["test"]} == {keys[::-1][i] for i in back["test"]}
    assert split_rows(keys, strata, FRACTIONS, seed=1) != forward


def test_it_is_the_same_in_another_process():
    code = "from limbeck.text.split import shuffled; print(shuffled(['a', 'b', 'ü', '\\ud800', 'c'], 7))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": s}
        ).stdout
        for s in ("1", "2")
    }
    assert answers == {f"{shuffled(['a', 'b', 'ü', chr(0xD800), 'c'], 7)}\n"}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (Example("A  film\n"), Example("a film"), True),
        (Example("ＡＢ"), Example("ab"), True),
        (Example("a", "b"), Example("a b"), False),
        (Example("a", "b"), Example("b", "a"), False),
        (Example(["A", "film"]), Example(["a", "Film"]), True),
        (Example("a film."), Example("a film"), False),
    ],
)
def test_what_makes_inputs_equal(one, other, equal):
    assert (plain_key(one) == plain_key(other)) is equal

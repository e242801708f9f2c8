"""Which teacher layer answers which student layer."""

import pytest

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Spec, describe, parse
from limbeck.nn.layer_map import Layers, layer_map
from limbeck.nn.types import Moment


class Matched(Spec):
    layers: Layers = "ordered"
    """Which layers."""


def fixed(name, student, teacher):
    return dict(layer_map(name, student, teacher, "x").at(Moment()))


@pytest.mark.parametrize(
    ("name", "student", "teacher", "pairs"),
    [
        ("uniform", 4, 12, {1: 3, 2: 6, 3: 9, 4: 12}),
        ("ordered", 5, 12, {1: 3, 2: 5, 3: 8, 4: 10, 5: 12}),
        ("lower", 3, 12, {1: 1, 2: 2, 3: 3}),
        ("last", 7, 12, {7: 12}),
        ("last", 12, 6, {12: 6}),
        ("last_k", 3, 12, {1: 10, 2: 11}),
        ("skip", 3, 12, {1: 4, 2: 8}),
        ("skip", 6, 6, {1: 1, 2: 2, 3: 3, 4: 4, 5: 5}),
        (((2, 5), (1, 3)), 2, 6, {2: 5, 1: 3}),
    ],
)
def test_named_maps(name, student, teacher, pairs):
    assert fixed(name, student, teacher) == pairs


def test_each_epoch_draws_sorted_layers_that_the_seed_decides():
    drawn = layer_map("random", 4, 12, "x")
    epochs = [drawn.at(Moment(epoch=epoch, seed=1)) for epoch in range(50)]
    assert epochs == [drawn.at(Moment(progress=0.5, epoch=epoch, seed=1)) for epoch in range(50)]
    assert epochs != [drawn.at(Moment(epoch=epoch, seed=2)) for epoch in range(50)]
    for pairs in epochs:
        assert list(pairs) == [1, 2, 3, 4]
        assert list(pairs.values()) == sorted(set(pairs.values()))
    assert {t for pairs in epochs for t in pairs.values()} == drawn.teacher == frozenset(range(1, 13))


@pytest.mark.parametrize(
    ("name", "student", "teacher", "admitted"),
    [
        ("uniform", 4, 6, "`ordered`, `lower`, `last`, `last_k`, `random`"),
        ("skip", 1, 6, "`uniform`, `ordered`, `lower`, `last`, `random`"),
        ("last_k", 1, 1, "`uniform`, `ordered`, `lower`, `last`, `random`"),
        ("random", 6, 4, "`last`"),
        ("lower", 6, 4, "`last`"),
    ],
)
def test_a_map_that_the_depths_do_not_admit_names_those_that_they_do(name, student, teacher, admitted):
    with pytest.raises(RecipeError) as error:
        layer_map(name, student, teacher, "patient.layers")
    assert str(error.value) == (
        f"patient.layers: {student} student layers and {teacher} teacher layers do not admit `{name}`, but {admitted}, "
        "and pairs such as [[1, 2]]"
    )


@pytest.mark.parametrize("value", ["skip", [[1, 2], [3, 6]], ((1, 2), (3, 6))])
def test_yaml_says_names_or_pairs(value):
    spec = parse(Matched, {"layers": value}, "x")
    assert parse(Matched, spec.model_dump(mode="json"), "x") == spec
    assert spec.model_dump(mode="json")["layers"] == (value if isinstance(value, str) else [[1, 2], [3, 6]])


@pytest.mark.parametrize(
    "value", ["skipped", "", [], {}, 3, None, [1, 2], [[1]], [[1, 2, 3]], [[0, 1]], [[1, -1]], [["1", 2]], [[True, 2]]]
)
def test_what_is_no_map_is_refused(value):
    with pytest.raises(RecipeError, match=r"x\.layers: give one of uniform, .* or pairs of layers counted from 1"):
        parse(Matched, {"layers": value}, "x")


def test_a_student_layer_is_matched_once():
    with pytest.raises(RecipeError, match=r"x\.layers: a student layer stands in two pairs"):
        parse(Matched, {"layers": [[1, 2], [1, 3]]}, "x")


def test_the_shelf_tells_what_may_be_written():
    assert describe(Matched)[0].allowed.endswith("random, [[student, teacher], …]")

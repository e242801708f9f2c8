import pytest

from limbeck.core.errors import RecipeError
from limbeck.nn.depth import layers_taken


@pytest.mark.parametrize(
    ("student", "teacher", "layers"),
    [
        (6, 12, (1, 3, 5, 8, 10, 12)),  # DistilBERT's, which counts from 0: 0, 2, 4, 7, 9, 11
        (3, 12, (1, 7, 12)),
        (4, 12, (1, 5, 8, 12)),
        (3, 6, (1, 3, 6)),
        (2, 6, (1, 6)),
        (1, 6, (1,)),
        (6, 6, (1, 2, 3, 4, 5, 6)),
    ],
)
def test_spaced_layers_go_from_the_first_to_the_last(student, teacher, layers):
    assert layers_taken("spaced", student, teacher, "layers") == layers


@pytest.mark.parametrize("name", ["lower", "spaced", "last"])
def test_named_layers_are_there_and_ascend(name):
    for teacher in range(1, 30):
        for student in range(1, teacher + 1):
            found = layers_taken(name, student, teacher, "layers")
            assert len(found) == student
            assert sorted(set(found)) == list(found)
            assert set(found) <= set(range(1, teacher + 1))


def test_other_layers_than_there_are_are_refused_with_what_fits():
    with pytest.raises(RecipeError, match=r"distil.layers: \[2, 7\] are not 2 .* 6; .* last \(\[5, 6\]\)"):
        layers_taken((2, 7), 2, 6, "distil.layers")

import pytest

from limbeck.core.errors import RecipeError
from limbeck.core.shape import Shape, parse_shape

BASE = Shape(12, 768, 12, 3072)
MINI = Shape(6, 384, 12, 1536)


@pytest.mark.parametrize(
    ("text", "teacher", "shape"),
    [
        ("3x384", MINI, Shape(3, 384, 12, 1536)),
        ("4x312", BASE, Shape(4, 312, 12, 1200)),
        ("6x768", BASE, Shape(6, 768, 12, 3072)),
        ("6x384", BASE, Shape(6, 384, 12, 1536)),
        ("12x384", BASE, Shape(12, 384, 12, 1536)),
        ("2x128", BASE, Shape(2, 128, 2, 512)),
        ("4x256", BASE, Shape(4, 256, 4, 1024)),
        ("4x512", BASE, Shape(4, 512, 8, 2048)),
        ("8x512", BASE, Shape(8, 512, 8, 2048)),
        ("2x128", MINI, Shape(2, 128, 8, 512)),
        (" 2 × 192 ", MINI, Shape(2, 192, 12, 768)),
        ("layers=3,hidden=192,heads=12,intermediate=768", BASE, Shape(3, 192, 12, 768)),
        ("layers=2", MINI, Shape(2, 384, 12, 1536)),
        ("half", BASE, Shape(6, 768, 12, 3072)),
        ("Third", BASE, Shape(4, 768, 12, 3072)),
        ("tiny", BASE, Shape(4, 384, 12, 1536)),
        ("third", Shape(2, 64, 2, 128), Shape(1, 64, 2, 128)),
        ("same", MINI, MINI),
        ("hidden=64", Shape(2, 64, 2, 128), Shape(2, 64, 2, 128)),
    ],
)
def test_a_shape_follows_the_teacher_where_it_is_silent(text, teacher, shape):
    assert parse_shape(text, teacher) == shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small", "'small' is no shape; write 3x384"),
        ("", "'' is no shape"),
        ("3x", "is no shape"),
        ("layers=", "is no shape"),
        ("depth=3", "is no shape"),
        ("layers=-1", "is no shape"),
        ("layers=²", "is no shape"),
        (f"layers={'9' * 5000}", "is no shape"),
        ("2x1", "hidden=1 in '2x1' does not fit a teacher with hidden=384; give 2 to 384"),
        ("2x383", "in '2x383' are larger than the teacher's 32; give another width, as"),
        ("0x384", "layers=0 in '0x384' does not fit a teacher with layers=6"),
        ("7x384", "layers=7 in '7x384' does not fit a teacher with layers=6"),
        ("3x768", "hidden=768 in '3x768' does not fit a teacher with hidden=384"),
        ("heads=5", "heads=5 does not divide hidden=384; 1, 2, 3, 4, 6, 8, 12 do"),
        ("heads=2", "larger than the teacher's 32; give more heads"),
        ("intermediate=4096", "intermediate=4096"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(text, message):
    with pytest.raises(RecipeError) as caught:
        parse_shape(text, MINI)
    assert message in str(caught.value)

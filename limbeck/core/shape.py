"""Students, as people write them: `3x384`, `half`, `layers=3,hidden=192,heads=12,intermediate=768`, `half of MODEL`."""

import re
from dataclasses import dataclass

from limbeck.core.errors import RecipeError

_FRACTIONS = ("half", "third", "tiny", "same")
_NAMES = {"layers": 0, "hidden": 0, "heads": 0, "intermediate": 0}
_PUBLISHED_HEADS = {128: 2, 256: 4, 512: 8}
"""Widths whose published students have fewer heads than the widest choice: BERT-tiny 2x128, -mini 4x256, -small 4x512,
-medium 8x512 and their kin, whose heads have 64 features (Turc et al. 2019, arXiv:1908.08962, table 1)."""
_PUBLISHED_INTERMEDIATE = {312: 1200}
"""Widths whose published students have no feed-forward layer of 4 × hidden: TinyBERT-4 (arXiv:1909.10351, 4.2)."""
_MIN_HEAD_DIM = 8
_MIN_HIDDEN = 2
"""A LayerNorm makes nothing of one feature but its bias."""
_NUMBER = "[0-9]{1,9}"


@dataclass(frozen=True)
class Shape:
    """A wanted size, complete."""

    layers: int
    hidden: int
    heads: int
    intermediate: int


def read_student(text: str) -> tuple[str, str]:
    """The shape and the model that a student is said to have and to begin from; what is not told is empty.

    >>> read_student("half"), read_student("2x384 of hf:org/name"), read_student("minilm-l6")
    (('half', ''), ('2x384', 'hf:org/name'), ('', 'minilm-l6'))
    """
    shape, of, model = text.partition(" of ")
    if is_shape(text):
        return text.strip(), ""
    return (shape.strip(), model.strip()) if of and is_shape(shape) else ("", text.strip())


def is_shape(text: str) -> bool:
    """Whether a text is written as a shape, whatever it fits."""
    try:
        return text.strip().lower() in _FRACTIONS or bool(_read(text))
    except RecipeError:
        return False


def parse_shape(text: str, teacher: Shape) -> Shape:
    """Read a shape; what it leaves out follows the teacher.

    Args:
        text: `LAYERSxHIDDEN`; `layers=…,hidden=…,heads=…,intermediate=…` with any of the four; `half` or `third` of the
            layers; `tiny`: a third of the layers, half the width; `same`: the teacher's own.
        teacher: The teacher's size; a student is nowhere larger.

    Raises:
        RecipeError: The text is no shape, or the shape does not fit the teacher.

    >>> parse_shape("4x312", Shape(12, 768, 12, 3072))
    Shape(layers=4, hidden=312, heads=12, intermediate=1200)
    >>> parse_shape("half", Shape(6, 384, 12, 1536))
    Shape(layers=3, hidden=384, heads=12, intermediate=1536)
    """
    named: dict[str, dict[str, int]] = {
        "same": {},
        "half": {"layers": max(1, teacher.layers // 2)},
        "third": {"layers": max(1, teacher.layers // 3)},
        "tiny": {"layers": max(1, teacher.layers // 3), "hidden": _half_width(teacher)},
    }
    wanted = named.get(text.strip().lower())
    if wanted is None:
        wanted = _read(text)
    hidden = wanted.get("hidden", teacher.hidden)
    shape = Shape(
        layers=wanted.get("layers", teacher.layers),
        hidden=hidden,
        heads=wanted.get("heads", _heads(hidden, teacher)),
        intermediate=wanted.get("intermediate", _intermediate(hidden, teacher)),
    )
    _check(shape, teacher, text)
    return shape


def parse_fresh(text: str, place: str = "shape") -> Shape:
    """Read the shape of a model that is cut from none; what it leaves out is as published models of its width have it.

    Args:
        text: `LAYERSxHIDDEN`, or `layers=…,hidden=…,heads=…,intermediate=…` with the first two at least.
        place: The field, named in errors.

    Raises:
        RecipeError: The text is no shape, or there is no network of that shape.

    >>> parse_fresh("4x312")
    Shape(layers=4, hidden=312, heads=12, intermediate=1200)
    >>> parse_fresh("24x1024")
    Shape(layers=24, hidden=1024, heads=16, intermediate=4096)
    """
    try:
        wanted = _read(text)
        layers, hidden = wanted["layers"], wanted["hidden"]
    except (RecipeError, KeyError):
        raise RecipeError(
            f"{place}: {text!r} is no whole shape; write 4x312 or layers=4,hidden=312,heads=12,intermediate=1200"
        ) from None
    wide = max(hidden, 768)
    like = Shape(layers, wide, wide // 64, 4 * wide)
    heads = wanted.get("heads", _heads(hidden, like))
    shape = Shape(layers, hidden, heads, wanted.get("intermediate", _intermediate(hidden, like)))
    if min(layers, heads, shape.intermediate) < 1 or hidden < _MIN_HIDDEN:
        raise RecipeError(f"{place}: {text!r} has too small a size; give numbers from 1, of hidden from {_MIN_HIDDEN}")
    if hidden % heads:
        fit = ", ".join(str(n) for n in range(1, heads + 1) if hidden % n == 0)
        raise RecipeError(f"{place}: heads={heads} does not divide hidden={hidden} in {text!r}; {fit} do")
    return shape


def _read(text: str) -> dict[str, int]:
    if match := re.fullmatch(rf"\s*({_NUMBER})\s*[x×]\s*({_NUMBER})\s*", text):
        return {"layers": int(match[1]), "hidden": int(match[2])}
    wanted = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if name.strip() not in _NAMES or not re.fullmatch(_NUMBER, number.strip()):
            raise RecipeError(
                f"student: {text!r} is no shape; write 3x384, layers=3,hidden=192,heads=12,intermediate=768, "
                "half, third, tiny or same"
            )
        wanted[name.strip()] = int(number)
    return wanted


def _half_width(teacher: Shape) -> int:
    return teacher.heads * max(1, teacher.hidden // teacher.heads // 2)


def _heads(hidden: int, teacher: Shape) -> int:
    """The teacher's if the width is its own, else those published, else as many as divide it and keep some size."""
    if hidden == teacher.hidden:
        return teacher.heads
    fit = _fit(hidden, teacher)
    if _PUBLISHED_HEADS.get(hidden) in fit:
        return _PUBLISHED_HEADS[hidden]
    large = [n for n in fit if hidden // n >= _MIN_HEAD_DIM]
    return max(large) if large else min(fit, default=1)


def _fit(hidden: int, teacher: Shape) -> list[int]:
    """Numbers of heads that divide a width and make none larger than the teacher's."""
    most = teacher.hidden // teacher.heads
    return [n for n in range(1, teacher.heads + 1) if hidden % n == 0 and hidden // n <= most]


def _intermediate(hidden: int, teacher: Shape) -> int:
    if hidden == teacher.hidden:
        return teacher.intermediate
    return min(_PUBLISHED_INTERMEDIATE.get(hidden, 4 * hidden), teacher.intermediate)


def _check(shape: Shape, teacher: Shape, text: str) -> None:
    for name in _NAMES:
        value, limit = getattr(shape, name), getattr(teacher, name)
        least = _MIN_HIDDEN if name == "hidden" else 1
        if not least <= value <= limit:
            wanted = f"; give {least} to {limit}" if least <= limit else ""
            raise RecipeError(f"student: {name}={value} in {text!r} does not fit a teacher with {name}={limit}{wanted}")
    if shape.hidden % shape.heads:
        fit = [str(n) for n in range(1, teacher.heads + 1) if shape.hidden % n == 0]
        raise RecipeError(f"student: heads={shape.heads} does not divide hidden={shape.hidden}; {', '.join(fit)} do")
    if shape.hidden // shape.heads > teacher.hidden // teacher.heads:
        widths = [width for width in range(_MIN_HIDDEN, teacher.hidden + 1) if _fit(width, teacher)]
        near = sorted(sorted(widths, key=lambda width: abs(width - shape.hidden))[:3])
        remedy = "more heads" if _fit(shape.hidden, teacher) else f"another width, as {', '.join(map(str, near))}"
        raise RecipeError(
            f"student: heads of {shape.hidden // shape.heads} features in {text!r} are larger than the teacher's "
            f"{teacher.hidden // teacher.heads}; give {remedy}"
        )

"""Which of a teacher's layers a shallower student begins with."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Read

Numbers = tuple[int, ...]
Name = Literal["lower", "spaced", "last"]


def _spaced(student: int, teacher: int) -> Numbers:
    return tuple(1 + round(place * (teacher - 1) / max(student - 1, 1)) for place in range(student))


_NAMED: Mapping[str, Callable[[int, int], Numbers]] = {
    "lower": lambda student, _: tuple(range(1, student + 1)),
    "spaced": _spaced,
    "last": lambda student, teacher: tuple(range(teacher - student + 1, teacher + 1)),
}


def layers_taken(wanted: Name | Numbers, student: int, teacher: int, place: str) -> Numbers:
    """The teacher layer of each student layer, counted from 1, for a student of M layers and a teacher of N.

    Args:
        wanted: `lower`: the first M, the best start of those compared in arXiv:2305.15032. `last`: the last M.
            `spaced`: the first, the last and what lies evenly between, the m-th being 1 + (m − 1)(N − 1) / (M − 1),
            what is added rounded, halves to even: DistilBERT's of BERT (Sanh et al. 2019, arXiv:1910.01108, whose code
            counts 0, 2, 4, 7, 9, 11), and those of arXiv:2010.13002 for 3 of 12 and 3 of 6. Or M layers, ascending.
        student: M, at least 1 and at most N.
        teacher: N.
        place: The field, named in errors.

    Raises:
        RecipeError: The layers are not as many as the student has, or the teacher has fewer; says what would fit.

    >>> layers_taken("spaced", 6, 12, "layers"), layers_taken("spaced", 3, 6, "layers")
    ((1, 3, 5, 8, 10, 12), (1, 3, 6))
    >>> layers_taken("last", 2, 6, "layers"), layers_taken("spaced", 1, 6, "layers")
    ((5, 6), (1,))
    """
    if isinstance(wanted, str):
        return _NAMED[wanted](student, teacher)
    if len(wanted) != student or wanted[-1] > teacher:
        fits = ", ".join(f"{name} ({_listed(_NAMED[name](student, teacher))})" for name in get_args(Name))
        raise RecipeError(
            f"{place}: {_listed(wanted)} are not {student} layers, as many as the student has, of the teacher's "
            f"{teacher}; give {student} from 1 to {teacher}, or one of {fits}"
        )
    return wanted


def _listed(layers: Sequence[int]) -> str:
    return f"[{', '.join(map(str, layers))}]"


def _read(value: Any) -> Name | Numbers:
    names: tuple[Name, ...] = get_args(Name)
    for name in names:
        if value == name:
            return name
    if not isinstance(value, Sequence) or isinstance(value, str) or not value or not all(map(_is_layer, value)):
        raise RecipeError(f"give one of {', '.join(names)}, or the teacher's layers, counted from 1, as [1, 3, 6]")
    if any(below >= above for below, above in pairwise(value)):
        raise RecipeError("the teacher's layers are to ascend, each but once")
    return tuple(value)


def _is_layer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


Layers = Annotated[
    Name | Numbers,
    Read(
        _read,
        lambda value: value if isinstance(value, str) else list(value),
        "layers",
        f"{', '.join(get_args(Name))}, [layer, …]",
    ),
]
"""A field that says which layers a student begins with."""

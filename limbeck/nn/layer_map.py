"""Which teacher layer answers which student layer."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Read
from limbeck.nn.types import Moment

Pairs = tuple[tuple[int, int], ...]
Name = Literal["uniform", "ordered", "lower", "last", "last_k", "skip", "random"]


def _proportional(student: int, teacher: int) -> dict[int, int]:
    return {m: -(-m * teacher // student) for m in range(1, student + 1)}


_FIXED: Mapping[str, Callable[[int, int], dict[int, int]]] = {
    "uniform": _proportional,
    "ordered": _proportional,
    "lower": lambda student, _: {m: m for m in range(1, student + 1)},
    "last": lambda student, teacher: {student: teacher},
    "last_k": lambda student, teacher: {m: m + teacher - student for m in range(1, student)},
    "skip": lambda student, teacher: {m: m * teacher // student for m in range(1, student)},
}
_ADMITS: Mapping[str, Callable[[int, int], bool]] = {
    "uniform": lambda student, teacher: teacher % student == 0,
    "ordered": lambda student, teacher: student <= teacher,
    "lower": lambda student, teacher: student <= teacher,
    "last": lambda student, teacher: True,
    "last_k": lambda student, teacher: 1 < student <= teacher,
    "skip": lambda student, teacher: student > 1 and teacher % student == 0,
    "random": lambda student, teacher: student <= teacher,
}


@dataclass(frozen=True)
class LayerMap:
    """Matched layers of a student and a teacher.

    Attributes:
        student: Layers of the student that are ever matched.
        teacher: Layers of the teacher that are ever matched.
        fixed: Student layer → teacher layer; None where each epoch draws anew.
    """

    student: frozenset[int]
    teacher: frozenset[int]
    fixed: Mapping[int, int] | None

    def at(self, moment: Moment) -> Mapping[int, int]:
        """Student layer → teacher layer in this epoch."""
        if self.fixed is not None:
            return self.fixed
        drawn = random.Random(f"{moment.seed} {moment.epoch}").sample(sorted(self.teacher), len(self.student))
        return dict(zip(sorted(self.student), sorted(drawn), strict=True))


def layer_map(wanted: Name | Pairs, student: int, teacher: int, place: str) -> LayerMap:
    """Match the layers, counted from 1, of a student of M layers and a teacher of N.

    Args:
        wanted: Pairs of a student layer and its teacher layer, or a name: `uniform` is g(m) = m · N / M (TinyBERT, Jiao
            et al. 2020, arXiv:1909.10351, section 3.1) and `ordered` the same, rounded up where M does not divide N;
            `lower` is m → m; `last` matches the last layers alone (MiniLM, arXiv:2002.10957); `skip` and `last_k` leave
            the student's last layer out and take every N/M-th teacher layer, or the ones just below its last
            (PKD-Skip and PKD-Last, Sun et al. 2019, arXiv:1908.09355, section 3.2); `random` draws M teacher layers in
            each epoch and sorts them (RAIL-KD, Haidar et al. 2021, arXiv:2109.10164).
        student: M ≥ 1.
        teacher: N ≥ 1.
        place: The field, named in errors.

    Raises:
        RecipeError: There are no such layers, or the depths do not admit the map; says which they do.

    >>> dict(layer_map("uniform", 3, 6, "layers").fixed)
    {1: 2, 2: 4, 3: 6}
    >>> dict(layer_map("ordered", 4, 6, "layers").fixed)
    {1: 2, 2: 3, 3: 5, 4: 6}
    >>> dict(layer_map("skip", 6, 12, "layers").fixed)
    {1: 2, 2: 4, 3: 6, 4: 8, 5: 10}
    >>> dict(layer_map("last_k", 6, 12, "layers").fixed)
    {1: 7, 2: 8, 3: 9, 4: 10, 5: 11}
    >>> drawn = layer_map("random", 3, 6, "layers")
    >>> [drawn.at(Moment(epoch=epoch)) for epoch in (0, 1)]
    [{1: 2, 2: 3, 3: 6}, {1: 2, 2: 4, 3: 6}]
    """
    if not isinstance(wanted, str):
        return _explicit(wanted, student, teacher, place)
    if not _ADMITS[wanted](student, teacher):
        admitted = ", ".join(f"`{name}`" for name in get_args(Name) if _ADMITS[name](student, teacher))
        raise RecipeError(
            f"{place}: {student} student layers and {teacher} teacher layers do not admit `{wanted}`, but {admitted}, "
            "and pairs such as [[1, 2]]"
        )
    if wanted == "random":
        return LayerMap(frozenset(range(1, student + 1)), frozenset(range(1, teacher + 1)), None)
    return _fixed(_FIXED[wanted](student, teacher))


def _explicit(pairs: Pairs, student: int, teacher: int, place: str) -> LayerMap:
    for s, t in pairs:
        if s > student or t > teacher:
            raise RecipeError(
                f"{place}: there is no pair [{s}, {t}] of a student of {student} layers and a teacher of {teacher}"
            )
    return _fixed(dict(pairs))


def _fixed(pairs: Mapping[int, int]) -> LayerMap:
    return LayerMap(frozenset(pairs), frozenset(pairs.values()), pairs)


def _read(value: Any) -> Name | Pairs:
    names: tuple[Name, ...] = get_args(Name)
    for name in names:
        if value == name:
            return name
    if not isinstance(value, Sequence) or isinstance(value, str) or not value or not all(map(_is_pair, value)):
        raise RecipeError(f"give one of {', '.join(names)}, or pairs of layers counted from 1, [[student, teacher], …]")
    pairs = tuple((s, t) for s, t in value)
    if len(dict(pairs)) < len(pairs):
        raise RecipeError("a student layer stands in two pairs; match it once")
    return pairs


def _is_pair(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    return is_list and all(isinstance(layer, int) and not isinstance(layer, bool) and layer > 0 for layer in value)


def _plain(value: Name | Pairs) -> Any:
    return value if isinstance(value, str) else [list(pair) for pair in value]


Layers = Annotated[
    Name | Pairs, Read(_read, _plain, "layer map", f"{', '.join(get_args(Name))}, [[student, teacher], …]")
]
"""A field that says which layers are matched."""

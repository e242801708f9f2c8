"""Which teacher layer answers which student layer."""

from typing import Literal

from limbeck.core.errors import RecipeError

LayerMap = Literal["uniform", "last"]


def layer_map(name: LayerMap, student: int, teacher: int) -> dict[int, int]:
    """Student layer → teacher layer, counted from 1.

    Args:
        name: `uniform` is g(m) = m · N / M (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, section 3.1), rounded up
            where M does not divide N; `last` matches the two last layers alone (MiniLM, arXiv:2002.10957).
        student: Layers of the student, M ≥ 1.
        teacher: Layers of the teacher, N ≥ M.

    Raises:
        RecipeError: The student is deeper than the teacher.

    >>> layer_map("uniform", 3, 6)
    {1: 2, 2: 4, 3: 6}
    >>> layer_map("uniform", 4, 6)
    {1: 2, 2: 3, 3: 5, 4: 6}
    >>> layer_map("last", 3, 6)
    {3: 6}
    """
    if student > teacher:
        raise RecipeError(f"a student of {student} layers cannot be matched to a teacher of {teacher}; take fewer")
    if name == "last":
        return {student: teacher}
    return {m: -(-m * teacher // student) for m in range(1, student + 1)}

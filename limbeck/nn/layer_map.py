"""Which teacher layer answers which student layer."""

from typing import Literal

from limbeck.core.errors import RecipeError

LayerMap = Literal["uniform", "ordered", "last"]


def layer_map(name: LayerMap, student: int, teacher: int) -> dict[int, int]:
    """Student layer → teacher layer, counted from 1.

    Args:
        name: `uniform` is g(m) = m · N / M (TinyBERT, Jiao et al. 2020, arXiv:1909.10351, section 3.1); `ordered` the
            same, rounded up where M does not divide N; `last` matches the last layers alone (MiniLM, arXiv:2002.10957).
        student: Layers of the student, M ≥ 1.
        teacher: Layers of the teacher, N ≥ M.

    Raises:
        RecipeError: The student is deeper than the teacher, or `uniform` is asked of depths that do not divide.

    >>> layer_map("uniform", 3, 6)
    {1: 2, 2: 4, 3: 6}
    >>> layer_map("ordered", 4, 6)
    {1: 2, 2: 3, 3: 5, 4: 6}
    >>> layer_map("last", 3, 6)
    {3: 6}
    """
    if student > teacher:
        raise RecipeError(f"a student of {student} layers cannot be matched to a teacher of {teacher}; take fewer")
    if name == "uniform" and teacher % student:
        raise RecipeError(f"layers: {student} does not divide {teacher}, as `uniform` needs; write `ordered` or `last`")
    if name == "last":
        return {student: teacher}
    return {m: -(-m * teacher // student) for m in range(1, student + 1)}

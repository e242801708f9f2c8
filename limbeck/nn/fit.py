"""What a student and a teacher must have in common for an objective; each refusal names the remedy."""

from limbeck.core.errors import RecipeError
from limbeck.nn.types import Dims


def check_labels(objective: str, student: Dims, teacher: Dims, *, more_than_two: bool = False) -> None:
    """Refuse logits that do not answer the same question, or too few classes.

    Raises:
        RecipeError: The numbers of labels differ, or `more_than_two` are needed and there are not.
    """
    if student.labels != teacher.labels:
        raise RecipeError(
            f"{objective}: the student has {student.labels} labels, the teacher {teacher.labels}; give both the same"
        )
    if more_than_two and student.labels <= 2:
        raise RecipeError(
            f"{objective}: compares classes among one another, and says nothing of {student.labels}; "
            "use soft_targets or logit_mse"
        )


def check_widths(objective: str, student: Dims, teacher: Dims, *, project: bool) -> None:
    """Refuse hidden states of different widths without a projection.

    Raises:
        RecipeError: There is none.
    """
    if not project and student.hidden != teacher.hidden:
        raise RecipeError(
            f"{objective}.project: the widths {student.hidden} and {teacher.hidden} differ; set it to true"
        )


def check_heads(objective: str, student: Dims, teacher: Dims) -> None:
    """Refuse attention of different head counts.

    Raises:
        RecipeError: They differ.
    """
    if student.heads != teacher.heads:
        raise RecipeError(
            f"{objective}: the student has {student.heads} heads, the teacher {teacher.heads}; give the student "
            f"heads={teacher.heads}, or use attention_relations, which needs no equal heads"
        )

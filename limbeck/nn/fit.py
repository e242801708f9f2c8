"""What a student and a teacher must have in common for an objective; each refusal names the remedy."""

from limbeck.core.errors import RecipeError
from limbeck.nn.types import Dims


def check_labels(objective: str, student: Dims, teacher: Dims) -> None:
    """Refuse logits that do not answer the same question.

    Raises:
        RecipeError: The numbers of labels differ.
    """
    if student.over_tokens != teacher.over_tokens or (student.over_tokens and student.labels != teacher.labels):
        raise RecipeError(
            f"{objective}: the student answers with {_answers(student)}, the teacher with {_answers(teacher)}; give "
            "both the same tokenizer, or leave logits out: attention_relations and hidden_states need none"
        )
    if student.labels != teacher.labels:
        raise RecipeError(
            f"{objective}: the student has {student.labels} labels, the teacher {teacher.labels}; give both the same"
        )


def _answers(dims: Dims) -> str:
    return f"{dims.labels} {'tokens of a vocabulary' if dims.over_tokens else 'labels'}"


def check_whole(objective: str, student: Dims) -> None:
    """Refuse logits over a vocabulary, for what needs those of all items at once.

    Raises:
        RecipeError: They are over one.
    """
    if student.over_tokens:
        raise RecipeError(
            f"{objective}: compares items with one another, and over a vocabulary only the logits of some are there at "
            "a time; use soft_targets or logit_mse"
        )


def check_classes(objective: str, student: Dims, teacher: Dims) -> None:
    """Refuse answers that are not one of three classes or more, for what compares classes with one another.

    Raises:
        RecipeError: The numbers of labels differ, are less than three, or are no classes.
    """
    check_labels(objective, student, teacher)
    found = {"class": f"{student.labels} classes", "classes": "labels that may hold together", "value": "values"}
    if student.answer != "class" or student.labels in (1, 2):  # 0: not known yet
        raise RecipeError(
            f"{objective}: compares three or more classes with one another, and the models answer with "
            f"{found[student.answer]}; use soft_targets or logit_mse"
        )


def projects(objective: str, student: Dims, teacher: Dims, wanted: bool | None) -> bool:
    """Whether a trained W stands between hidden states: as wanted, or, where that is None, if their widths differ.

    Raises:
        RecipeError: They differ, and none is wanted.
    """
    differ = student.hidden != teacher.hidden
    if differ and wanted is False:
        raise RecipeError(
            f"{objective}.project: widths {student.hidden} and {teacher.hidden} differ; leave it out, or set it to true"
        )
    return differ if wanted is None else wanted


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

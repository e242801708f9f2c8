"""The matrix that brings a student's vectors to the teacher's width."""

from torch import nn


def projection(student: int, teacher: int) -> nn.Linear:
    """A trained W without bias; where the widths are equal it starts as the identity, so that equal vectors match.

    >>> import torch
    >>> projection(2, 2)(torch.tensor([3.0, 4.0])).tolist()
    [3.0, 4.0]
    """
    made = nn.Linear(student, teacher, bias=False)
    if student == teacher:
        nn.init.eye_(made.weight)
    return made

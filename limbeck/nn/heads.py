"""What a head answers with: brought into the order of the data's labels, begun at its values, told to people."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from limbeck.core.predictions import Answer
from limbeck.nn.checkpoint import set_labels
from limbeck.nn.model import Model, answer_of

_KINDS = {"class": "one of", "classes": "any of", "value": "the value"}


def answers_told(answer: Answer, labels: Sequence[str]) -> str:
    """What a model answers with, for people.

    >>> answers_told("classes", ["a", "b"])
    'any of a, b'
    """
    return f"{_KINDS[answer]} {', '.join(labels)}"


def answers_alike(answer: Answer, labels: Sequence[str], other: Answer, names: Sequence[str]) -> bool:
    """Whether answers mean the same, in whatever order the labels stand; what a value is called does not matter."""
    return answer == other and len(labels) == len(names) and (answer == "value" or set(labels) == set(names))


def head_labels(config: Any, head: str) -> tuple[str, ...] | None:
    """What the logits of a checkpoint mean, in their order; None where its head is of another kind, or there is none.

    Args:
        config: The checkpoint's.
        head: Name of the auto class that the head is to be of.
    """
    if not any(name.endswith(head.removeprefix("AutoModel")) for name in config.architectures or ()):
        return None
    return tuple(str(config.id2label[number]) for number in sorted(config.id2label))


def order_labels(model: Model, now: Sequence[str], labels: Sequence[str]) -> None:
    """Bring the rows of the classifier into the order of the data's labels.

    Args:
        model: The model.
        now: What its logits mean.
        labels: What they shall mean: the same, in any order; of a value the name alone may differ.
    """
    classifier = model.parts.classifier
    assert classifier is not None
    order = [now.index(label) for label in labels] if len(now) > 1 else [0]
    with torch.no_grad():
        classifier.weight.copy_(classifier.weight[order].clone())
        classifier.bias.copy_(classifier.bias[order].clone())
    set_labels(model.config, tuple(labels), answer_of(model.config))


def meet_values(model: Model, values: Sequence[float]) -> None:
    """Let a fresh head begin at the mean of the values, and spread as they do.

    The head answers in the data's own unit, so that stock classes do. The steps of AdamW are as large as its rate,
    whatever the loss: a bias that began at 0 would need thousands of them to get to a mean of 100.
    """
    classifier = model.parts.classifier
    assert classifier is not None
    with torch.no_grad():
        classifier.weight.mul_(float(np.std(values)))
        classifier.bias.fill_(float(np.mean(values)))

"""A model Bundle's facts and tokenizer, turned into what reads text: the same for every format of model."""

import json
from typing import Any

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.shelf import shelf
from limbeck.text.encode import Encoder
from limbeck.text.port import Task

_LONGEST = 1 << 20
"""More tokens than any encoder has positions for."""


def open_task(bundle: Bundle) -> Task:
    """The task that a model or data Bundle names in its facts, with its labels.

    Raises:
        BundleError: The Bundle names no task, one that this limbeck does not know, labels that are none, or others
            than its config.json, which tells other tools what the logits mean.
    """
    labels = bundle.labels
    if (others := _configured(bundle)) not in (None, list(labels)):
        raise BundleError(
            f"{bundle.path}: bundle.json has the labels {list(labels)}, config.json has id2label {others}; one of them "
            "was changed: make the Bundle again"
        )
    where = f"{bundle.path}: task"
    try:
        spec = shelf("tasks").parse(bundle.facts.get("task", {}), where)
    except RecipeError as error:
        raise BundleError(f"{error}. Upgrade limbeck or make the Bundle again") from None
    task: Task = shelf("tasks").build(spec, labels)
    return task


def _configured(bundle: Bundle) -> list[Any] | None:
    """What the logits mean by the model's own configuration; None where it does not say."""
    if "config.json" not in bundle.files():
        return None
    try:
        names = json.loads(bundle.file("config.json").read_text(encoding="utf-8")).get("id2label")
    except (ValueError, AttributeError):
        raise BundleError(f"{bundle.path}/config.json: no JSON object; make the Bundle again") from None
    return [names.get(str(i)) for i in range(len(names))] if isinstance(names, dict) else None


def open_encoder(bundle: Bundle) -> Encoder:
    """The encoder of a model Bundle, cut at the length that the model was trained for.

    Raises:
        BundleError: There is no usable tokenizer or no length, or the tokenizer knows more tokens than the model.
    """
    encoder = Encoder.read(bundle.file("tokenizer.json"), longest_input(bundle))
    vectors = bundle.facts.get("dims", {}).get("vocabulary", encoder.tokens)
    if vectors != encoder.tokens and not (isinstance(vectors, int) and vectors > encoder.tokens):
        raise BundleError(
            f"{bundle.path}: its tokenizer has {encoder.tokens} tokens, the model vectors for {vectors!r}; "
            "restore the Bundle or make it again"
        )
    return encoder


def longest_input(bundle: Bundle) -> int:
    """Tokens per input that a model was trained for.

    Raises:
        BundleError: There is no usable length.
    """
    length = bundle.facts.get("max_length")
    if not isinstance(length, int) or not 8 <= length <= _LONGEST:
        raise BundleError(
            f"{bundle.path}: max_length is {length!r} in its facts, an integer from 8 to {_LONGEST} is expected"
        )
    return length

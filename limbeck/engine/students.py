"""Students before they learn: what they will be, what they begin with, what they cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from limbeck.core.errors import RecipeError
from limbeck.core.journal import Journal
from limbeck.core.predictions import Answer
from limbeck.core.shape import Shape, parse_shape, read_student
from limbeck.engine.corpus import CorpusRows
from limbeck.engine.rows import Rows
from limbeck.engine.training import Tracked
from limbeck.nn.beginnings import MASKED_LM, with_vocabulary_head
from limbeck.nn.checkpoint import EMBEDDED, check_length, fresh, load_network, read_config, resolve
from limbeck.nn.cost import forward_flops
from limbeck.nn.depth import Layers, layers_taken
from limbeck.nn.heads import answers_alike, head_labels, meet_values, order_labels
from limbeck.nn.importance import Importance, by_place, measure_importance
from limbeck.nn.model import Model, answer_of, best_device, tapped
from limbeck.nn.outlook import Outlook, outlook_of
from limbeck.nn.stream import Kept, Stream, principal
from limbeck.nn.surgery import cut_depth, cut_width, top
from limbeck.nn.types import Batch, Dims, Reads
from limbeck.nn.vocabulary import Vocabulary, summed
from limbeck.text.port import Example, Task

_SAMPLE_ROWS = 512
_SAMPLE_TOKENS = 1 << 14
_SAMPLE_BATCH = 16

Loss = Callable[[Tensor, Tensor, Answer], Tensor]
"""The loss of logits against targets."""


class StudentSpec(Tracked):
    """What a student begins with."""

    student: str = "half"
    """Shape of the student: `3x384`, `layers=3,hidden=192,heads=12,intermediate=768`, `half`, `third`, `tiny` or
    `same`, of the teacher. Or a pre-trained model to begin from, with its own tokenizer: a directory,
    `hf:org/name[@revision]` or `minilm-l6`; a part of it is written `half of minilm-l6`. It keeps its own head where
    that answers with the same labels, and else begins with a fresh one."""
    layers: Layers = "lower"
    """Which of that model's layers a shallower student begins with: the `lower` ones (the best start in
    arXiv:2305.15032), the `last`, `spaced` ones from the first to the last (DistilBERT's), or a list, as [1, 3, 6],
    counted from 1. Where all layers are one (ALBERT) there is nothing to choose."""
    width: Literal["importance", "prefix", "pca"] = "pca"
    """What a narrower student keeps of the features: principal components of the hidden states (`pca`, which begins
    nearest to the teacher), those that the loss depends on (`importance`), or the first ones (`prefix`, of models that
    were trained or sorted so). Heads and neurons are kept by importance, or by `prefix` the first. Says
    nothing where the student is as wide."""
    max_length: int | None = Field(None, ge=8)
    """Tokens per input of the student, special tokens included; as its teacher's if not given."""


def named_model(reference: str) -> str:
    """The reference of a student's model; refused if it looks like none, as a shape that is none then does.

    Raises:
        RecipeError: It does.
    """
    if reference == EMBEDDED or reference.startswith("hf:") or Path(reference).expanduser().is_dir():
        return reference
    raise RecipeError(
        f"student: {reference!r} is no shape (3x384, layers=3,hidden=192,heads=12,intermediate=768, half, third, tiny, "
        f"same) and no model (a directory that is there, hf:org/name[@revision], {EMBEDDED}, or half of one of them)"
    )


def foresee_student(spec: StudentSpec, teacher: Outlook, own: Outlook | None = None) -> Outlook:
    """What the student will be.

    Args:
        spec: What is wanted.
        teacher: Its first teacher.
        own: The model that it begins from, where the recipe has one for it.

    Raises:
        RecipeError: Its shape or the layers it shall begin with do not fit what it is cut from.
        BundleError: The model it begins from cannot be used.
    """
    text, reference = read_student(spec.student)
    length = spec.max_length or teacher.max_length
    if own is not None and reference:
        raise RecipeError(
            f"student: {spec.student!r} names a model, and so do the inputs by `student`; write a shape alone, as same"
        )
    named = outlook_of(resolve(named_model(reference)), length) if reference else None
    origin = replace(own or named or teacher, max_length=length)
    check_length(origin.folder, length, "distil.max_length")
    answered = {name: getattr(teacher.dims, name) for name in ("labels", "answer", "over_tokens")}
    of = replace(origin.dims, **answered)
    if text:
        shape = parse_shape(text, Shape(of.layers, of.hidden, of.heads, of.intermediate))
        of = replace(of, layers=shape.layers, hidden=shape.hidden, heads=shape.heads, intermediate=shape.intermediate)
    if spec.layers != "lower":
        _check_layers(spec, of.layers, origin)
    return origin.of_size(of)


def _check_layers(spec: StudentSpec, count: int, origin: Outlook) -> None:
    layers_taken(spec.layers, count, origin.dims.layers, "distil.layers")
    if origin.shares_layers:
        raise RecipeError(
            f"distil.layers: {spec.layers!r}, but the layers of the model that the student begins with share their "
            "weights, so that there is nothing to choose; leave the field out"
        )


@dataclass(frozen=True)
class Ground:
    """What a student stands on when it begins: the head that it gets, and the texts by which its parts are chosen.

    Attributes:
        head: Name of the auto class of its network.
        open: Opens the model in a directory as one that it may begin from, with a head for what it is to answer; and
            tells whether that is the model's own.
        batches: Some hundreds of texts, on the device where the models are.
        length: Tokens of a text, the mean.
        loss: What importance is measured by: how much it changes without a part.
    """

    head: str
    open: Callable[[Path], tuple[Model, bool]]
    batches: Sequence[Batch]
    length: float
    loss: Callable[[Model, Batch], Tensor]


def task_ground(task: Task, rows: Rows, examples: Sequence[Example], label_loss: Loss) -> Ground:
    """What a student of a task stands on: the first labelled rows, and the loss of its labels.

    Args:
        task: What it answers.
        rows: Training rows; some hundreds are looked at.
        examples: What they were encoded from, whose values a fresh head begins at.
        label_loss: The loss by which importance is measured.
    """

    def opened(folder: Path) -> tuple[Model, bool]:
        config = read_config(folder)
        own = head_labels(config, task.head)
        kept = own is not None and answers_alike(answer_of(config), own, task.answer, task.labels)
        network = load_network(folder, task.head, None if kept else task.labels, task.answer)
        model = tapped(network, per_word=task.per_word)
        if kept:
            order_labels(model, own or (), task.labels)
        elif task.answer == "value":
            meet_values(model, [e.target for e in examples if e.target is not None])
        model.network.to(best_device())
        return model, kept

    def loss(model: Model, batch: Batch) -> Tensor:
        logits = model.run(batch, Reads(logits=True)).logits
        assert logits is not None
        return label_loss(logits, batch.targets, model.dims.answer)

    return Ground(task.head, opened, _batches(rows, rows.labelled), float(rows.lengths.mean()), loss)


def corpus_ground(rows: CorpusRows, *, answers: bool) -> Ground:
    """What a general student stands on: rows from all over a corpus.

    Importance is measured by the loss of hidden words, if the model answers for them; else by how much the last hidden
    states depend on a part: the mean size of their derivatives, in random directions (Hutchinson's estimator).

    Args:
        rows: The corpus.
        answers: Whether words are hidden, and the model answers for them.
    """

    def opened(folder: Path) -> tuple[Model, bool]:
        network, new = with_vocabulary_head(folder)
        network.to(best_device())
        return tapped(network, per_word=True), not new

    def loss(model: Model, batch: Batch) -> Tensor:
        if answers:
            asked = model.run(batch, Reads(logits=True)).vocabulary
            assert asked is not None
            hidden = batch.targets >= 0
            return _cross_entropy(replace(asked, features=asked.features[hidden]), batch.targets[hidden])
        top = model.dims.layers
        states = model.run(batch, Reads(hidden=frozenset({top}))).hidden[top]
        drawn = torch.Generator().manual_seed(int(batch.rows[0]))
        return (states * torch.randn(states.shape, generator=drawn).to(states.device)).mean()

    many = _spread(rows, _SAMPLE_ROWS)
    length = rows.token_count(many) / len(many)
    few = _spread(rows, max(round(_SAMPLE_TOKENS / length), 1))
    return Ground(MASKED_LM, opened, _batches(rows, few), length, loss)


def _cross_entropy(asked: Vocabulary, targets: Tensor) -> Tensor:
    """Mean over items, whose logits are there some at a time."""

    def of_some(places: slice, logits: Tensor, taught: Tensor | None) -> Tensor:
        return functional.cross_entropy(logits, targets[places], reduction="sum")[None] / max(len(targets), 1)

    return summed(of_some, asked)[0]


def _spread(rows: CorpusRows, count: int) -> range:
    """At most so many rows at equal distances."""
    return range(0, len(rows), max(-(-len(rows) // count), 1))


def _batches(rows: Rows | CorpusRows, chosen: Sequence[int]) -> list[Batch]:
    few = chosen[:_SAMPLE_ROWS]
    return [rows.batch(few[i : i + _SAMPLE_BATCH], best_device()) for i in range(0, len(few), _SAMPLE_BATCH)]


def begin_student(
    spec: StudentSpec, outlook: Outlook, teacher: Model, ground: Ground, log: Journal, own: Path | None = None
) -> tuple[Model, dict[str, float]]:
    """Cut the student from its teacher, or from the model it begins from, and tell what both will cost.

    Args:
        spec: What is wanted.
        outlook: What `foresee_student` said it will be.
        teacher: The teacher.
        ground: Its head, and what a narrower student's parts are chosen by.
        log: Where what was done goes.
        own: Directory of the model that it begins from, where the recipe has one for it.

    Returns:
        The student; and of both, on an input of the rows' mean length, FLOPs of a forward pass, and parameters.
    """
    shape, reference = read_student(spec.student)
    origin, kept = ground.open(own or outlook.folder) if reference or own else (teacher, True)
    size = origin.dims
    dims = replace(outlook.dims, labels=size.labels, answer=size.answer)
    layers = layers_taken(spec.layers, dims.layers, size.layers, "distil.layers")
    narrower = (dims.hidden, dims.heads, dims.intermediate) != (size.hidden, size.heads, size.intermediate)
    student = cut_depth(origin, layers, lambda config: fresh(config, ground.head)) if shape else origin
    student.network.to(best_device())
    if narrower:
        importance = _importance(spec, origin, ground).of_layers(layers)
        student = _narrowed(spec, student, dims, importance, ground)
    cost = _cost(student, teacher, ground.length)
    log.say(
        f"student {dims}: layers {_told(layers)} of {reference or own or 'the teacher'}'s {size.layers}"
        + (f", {dims.hidden} of {size.hidden} features by {spec.width}" if narrower else "")
        + (f", with {'its own' if kept else 'a fresh'} head" if reference or own else "")
    )
    log.say(
        f"it has {cost['parameters'] / 1e6:.1f} M parameters, the teacher {cost['teacher_parameters'] / 1e6:.1f} M; "
        f"for {cost['tokens']:.0f} tokens, the mean, it takes {cost['flops'] / 1e9:.2g} GFLOPs, the teacher "
        f"{cost['teacher_flops'] / 1e9:.2g}"
    )
    return student, cost


def _cost(student: Model, teacher: Model, length: float) -> dict[str, float]:
    return {
        "tokens": round(length, 1),
        "flops": round(forward_flops(student.parts, student.dims, length)),
        "parameters": student.parameter_count(),
        "teacher_flops": round(forward_flops(teacher.parts, teacher.dims, length)),
        "teacher_parameters": teacher.parameter_count(),
    }


def _told(layers: Sequence[int]) -> str:
    """Layers for people.

    >>> _told([1, 2, 3]), _told([1, 3, 6])
    ('1 to 3', '1, 3, 6')
    """
    if list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"{layers[0]} to {layers[-1]}"
    return ", ".join(map(str, layers))


def _importance(spec: StudentSpec, origin: Model, ground: Ground) -> Importance:
    if spec.width == "prefix":
        return by_place(origin)
    return measure_importance(origin, ground.batches, lambda batch: ground.loss(origin, batch))


def _narrowed(spec: StudentSpec, whole: Model, dims: Dims, importance: Importance, ground: Ground) -> Model:
    stream: Stream = Kept(top(importance.hidden, dims.hidden))
    if spec.width == "pca" and dims.hidden < whole.dims.hidden:
        stream = principal(whole, dims.hidden, ground.batches)
    student = cut_width(whole, dims, lambda config: fresh(config, ground.head), importance, stream)
    student.network.to(best_device())
    return student

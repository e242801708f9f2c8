"""Distil teachers into a student: cut it from the teacher, then train it on mixtures of objectives, in phases.

The default is TinyBERT's order (Jiao et al. 2020, arXiv:1909.10351): first inside and outputs together, then outputs
and labels. The student starts from the teacher's lower layers, the best start in arXiv:2305.15032; or from a
pre-trained model of its own, of another family and with another tokenizer, which then learns from answers alone.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.hashing import digest
from limbeck.core.journal import Journal
from limbeck.core.shape import read_student
from limbeck.core.shelf import on_shelf
from limbeck.core.spec import Weighted, incidental
from limbeck.engine import processes
from limbeck.engine.course import Passes
from limbeck.engine.exam import TaskExam
from limbeck.engine.guards import judge_history, judge_student, judge_teacher
from limbeck.engine.loop import train
from limbeck.engine.mixture import build_objectives, mix
from limbeck.engine.rows import Rows
from limbeck.engine.run import Run
from limbeck.engine.score import TorchScorer, predict_split
from limbeck.engine.seed import seed_all
from limbeck.engine.students import Sample, StudentSpec, begin_student, foresee_student, named_model
from limbeck.engine.teacher_cache import Teacher, open_teacher
from limbeck.engine.teachers import Tutor, together
from limbeck.engine.training import Training
from limbeck.nn.checkpoint import (
    load_bundle,
    model_hashes,
    save,
    save_tokenizer,
)
from limbeck.nn.ensemble import by_loss
from limbeck.nn.heads import answers_alike, answers_told, order_labels
from limbeck.nn.model import best_device, frozen
from limbeck.nn.outlook import Outlook, outlook_of_bundle
from limbeck.nn.types import Reads
from limbeck.objectives.attention_relations import Spec as AttentionRelations
from limbeck.objectives.hidden_states import Spec as HiddenStates
from limbeck.objectives.labels import Spec as Labels
from limbeck.objectives.labels import label_loss
from limbeck.objectives.soft_targets import Spec as SoftTargets
from limbeck.text.examples import read_examples
from limbeck.text.infer import cut_texts
from limbeck.text.opening import open_task
from limbeck.text.port import Example, Task

_TEACHER = re.compile(r"teacher(?:_([2-9]|[1-9]\d+))?")

TOGETHER = True
"""Several processes train together."""
AnyObjective = Annotated[Weighted, on_shelf("objectives")]


class Phase(Training):
    """A part of the training with its own objectives."""

    name: str = ""
    """What the log calls it."""
    objectives: tuple[AnyObjective, ...] = Field((SoftTargets(), Labels()), min_length=1)
    """What is summed: algorithms of the objectives shelf, each with its `weight`."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training rows, ≥ 1. null: as many as `steps` asks for."""
    learning_rate: float = Field(1e-4, gt=0.0)
    """Peak rate of AdamW. TinyBERT takes 5e-5 for its 312-wide student, MiniLM 4e-4 to 6e-4 on raw text."""
    dropout: bool = False
    """Whether the student's dropout is on. Off: a student that copies a teacher seldom overfits, and its targets are
    the teacher's without dropout."""


_INSIDE = Phase(name="inside", objectives=(SoftTargets(), HiddenStates(), AttentionRelations()))
_OUTPUTS = Phase(name="outputs", steps=500, learning_rate=5e-5, objectives=(SoftTargets(), Labels(weight=0.5)))


class Spec(StudentSpec):
    """Distillation. Fields of a phase given here, without `phases`, make a single phase."""

    teachers: Literal["mean", "by_dev_loss", "by_confidence"] = "mean"
    """What several teachers (`teacher`, `teacher_2`, …) count in the mean of their probabilities, or of their values:
    all the same (Hinton et al. 2015); each by its loss on the dev rows, as exp(−loss), for values 1/MSE; or, item by
    item, each by its own certainty, as exp(−entropy), not for values. Hidden states and attention are read of the
    first."""
    phases: tuple[Phase, ...] = Field((_INSIDE, _OUTPUTS), min_length=1)
    """What is done in turn, each with its own objectives and rate."""
    cache_gb: float = Field(4.0, ge=0.0)
    """Most gigabytes of disk for the teacher's outputs; where they would not fit, the teacher runs in each step."""
    cache_ram_gb: float = incidental(0.0, ge=0.0)
    """Most gigabytes of memory, of each process, for those that are on disk; up to that they are read whole, above it
    mapped. Mapped ones are as fast while the system has room for them in memory, and cost the process none of its own:
    0 maps all. Reading whole pays where files are dropped from memory and slow to read again."""
    cache_dtype: Literal["float16", "float32"] = "float16"
    """How hidden states, queries, keys and values are stored there; logits are always float32."""

    @model_validator(mode="before")
    @classmethod
    def _single_phase(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping) or not (own := fields.keys() & Phase.model_fields.keys()):
            return fields
        if "phases" in fields:
            raise ValueError(f"{', '.join(sorted(own))}: belongs to a phase; write phases[0].{min(own)}")
        phase = {name: fields[name] for name in own}
        return {**{k: v for k, v in fields.items() if k not in own}, "phases": (phase,)}


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the files of a model that the student begins from, where that is not the teacher."""
    _, reference = read_student(spec.student)
    files = model_hashes(named_model(reference)) if reference else {}
    return {f"student/{name}": found for name, found in files.items()}


def foresee(spec: Spec, inputs: Mapping[str, Any]) -> Outlook | None:
    """Refuse a student or an objective that does not fit the teacher, before the teacher is trained.

    Args:
        spec: What is wanted.
        inputs: Role → the Bundle, where it is there, or what the step that will make it told of it.

    Returns:
        What will come of it, where something is known of the teacher.

    Raises:
        RecipeError: Something does not fit.
        BundleError: The student's model cannot be used, or a teacher that is there answers with other labels than the
            data that is there.
    """
    roles, data = _teacher_roles(inputs), inputs["data"]
    there = [inputs[role] for role in roles if isinstance(inputs[role], Bundle)]
    if isinstance(data, Bundle):
        _check_task(spec, open_task(data))
        for bundle in there:
            _check_answers(bundle, open_task(data), data)
    known = {role: outlook_of_bundle(one) if isinstance(one := inputs[role], Bundle) else one for role in roles}
    if known["teacher"] is None:
        return None
    student = foresee_student(spec, known["teacher"])
    _check_phases(spec, student, known)
    return student


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the student.

    Args:
        spec: How.
        inputs: `teacher`, a PyTorch Bundle, perhaps `teacher_2` and more, and `data`, made by `prepare`.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        BundleError: A teacher answers with other labels than the data has, or a model cannot be used.
        DataError: The tokenizers of student and teachers have no item in common.
        RecipeError: The student's shape or an objective does not fit the teacher.
    """
    roles, data = _teacher_roles(inputs), inputs["data"]
    task = open_task(data)
    _check_task(spec, task)
    for role in roles:
        _check_answers(inputs[role], task, data)
    known = {role: outlook_of_bundle(inputs[role]) for role in roles}
    outlook = foresee_student(spec, known["teacher"])
    _check_phases(spec, outlook, known)
    seed_all(spec.seed)
    tutors = [_tutor(role, inputs[role], one, task) for role, one in known.items()]
    examples = read_examples(data, "train")
    rows = Rows.encode(task, outlook.encoder, examples)
    if rows.cut:
        log.warn(f"train: {rows.cut} of {len(rows)} texts are longer than {outlook.max_length} tokens and are cut")
    sample = Sample(rows, examples, label_loss)
    student, cost = begin_student(spec, outlook, tutors[0].model, task, sample, log)
    for tutor in tutors:
        frozen(tutor.model)
    dev = read_examples(data, "dev", labelled=True)
    log.warn_all(cut_texts("dev", task, outlook.encoder, dev))
    answers = [predict_split(TorchScorer(tutor.model, task, tutor.encoder), task, dev) for tutor in tutors]
    for tutor, given in zip(tutors, answers, strict=True):
        log.warn_all(judge_teacher(given, task, tutor.role))
    with create_bundle(out, "distil", spec, inputs, outside(spec)) as draft:
        exam = TaskExam(student, task, outlook.encoder, dev)
        shared = Run.open(spec, student, exam, log, out, draft.origin["step_hash"])
        shares = _shares(spec, tutors, task, dev, log)
        history = _phases(spec, tutors, shares, outlook, task, rows, examples, shared)
        shared.keep_best()
        log.warn_all(judge_history(history, task.primary))
        log.warn_all(judge_student(exam.answers(), answers, task))
        save(student, draft.path)
        save_tokenizer(outlook.folder, draft.path)
        draft.facts |= {
            "name": str(student.dims),
            "task": data.facts["task"],
            "labels": list(task.labels),
            "max_length": outlook.max_length,
            "dims": student.size(),
            "cost": cost,
            "history": history,
            "warnings": log.warnings,
        }
        if shares and len(roles) > 1:
            draft.facts["shares"] = dict(zip(roles, shares, strict=True))
    return open_bundle(out)


def _teacher_roles(inputs: Mapping[str, Any]) -> list[str]:
    """The roles of the teachers, in their order."""
    others = [role for role in inputs if role != "data" and not _TEACHER.fullmatch(role)]
    if others or not {"teacher", "data"} <= inputs.keys():
        raise RecipeError(
            "distil.from: give data, teacher and, where there are more, teacher_2, teacher_3, … "
            f"(found {', '.join(inputs)})"
        )
    return sorted(inputs.keys() - {"data"}, key=lambda role: int(role.partition("_")[2] or 1))


def _check_task(spec: Spec, task: Task) -> None:
    if spec.teachers == "by_confidence" and task.answer == "value":
        raise RecipeError("distil.teachers: a value tells nothing of how sure a teacher is; take mean or by_dev_loss")


def _check_answers(teacher: Bundle, task: Task, data: Bundle) -> None:
    its = open_task(teacher)
    if its.per_word != task.per_word or not answers_alike(its.answer, its.labels, task.answer, task.labels):
        where = {True: " for each word", False: ""}
        raise BundleError(
            f"{teacher.path}: the teacher answers with {answers_told(its.answer, its.labels)}{where[its.per_word]}; "
            f"{data.path} has {answers_told(task.answer, task.labels)}{where[task.per_word]}. Give a teacher that was "
            "fine-tuned for these labels"
        )


def _aligned(student: Outlook, teacher: Outlook) -> bool:
    """Whether both cut every text into the same tokens."""
    same = (student.folder, student.max_length) == (teacher.folder, teacher.max_length)
    return same or student.encoder.same_as(teacher.encoder)


def _check_phases(spec: Spec, student: Outlook, teachers: Mapping[str, Outlook | None]) -> None:
    """Refuse objectives that do not fit the sizes, or that compare tokens where the sides have different ones."""
    first = teachers["teacher"]
    assert first is not None
    for number, phase in enumerate(spec.phases):
        built = build_objectives(phase.objectives, student.dims, first.dims)
        inside = [name for name, (_, one) in built.items() if any(layers for _, layers in one.teacher_reads.layers())]
        if not inside or _aligned(student, first):
            continue
        fit = [role for role, one in teachers.items() if one is not None and _aligned(student, one)]
        raise RecipeError(
            f"distil.phases[{number}].objectives: {', '.join(inside)} compare student and teacher token by token, but "
            "their tokenizers (or max_length) cut texts differently; take objectives that read answers alone, as "
            "[soft_targets, labels], or a student with the teacher's tokenizer and max_length"
            + (f"; or let {fit[0]}, which has the student's, be `teacher`" if fit else "")
        )


def _tutor(role: str, bundle: Bundle, outlook: Outlook, task: Task) -> Tutor:
    model = load_bundle(bundle)
    if list(bundle.labels) != list(task.labels):
        order_labels(model, bundle.labels, task.labels)
    model.network.to(best_device())
    return Tutor(role, model, outlook.encoder, digest({"bundle": bundle.digest, "labels": task.labels}))


def _shares(
    spec: Spec, tutors: Sequence[Tutor], task: Task, dev: Sequence[Example], log: Journal
) -> list[float] | None:
    """What each teacher counts; None where that is another for each item."""
    if spec.teachers == "by_confidence":
        return None
    if spec.teachers == "mean" or len(tutors) == 1:
        return [1 / len(tutors)] * len(tutors)
    losses = [_dev_loss(tutor, task, dev) for tutor in tutors]
    shares = processes.agree(by_loss(losses, task.answer))
    told = (f"{t.role} {s:.3f} (dev loss {x:.4f})" for t, s, x in zip(tutors, shares, losses, strict=True))
    log.say(f"shares of the teachers: {', '.join(told)}")
    return shares


def _dev_loss(tutor: Tutor, task: Task, dev: Sequence[Example]) -> float:
    logits = np.concatenate(TorchScorer(tutor.model, task, tutor.encoder).logits(dev))
    targets = np.array([target for example in dev for target in task.targets(example)])
    return label_loss(torch.from_numpy(logits), torch.from_numpy(targets), task.answer).item()


def _phases(
    spec: Spec,
    tutors: Sequence[Tutor],
    shares: list[float] | None,
    outlook: Outlook,
    task: Task,
    rows: Rows,
    examples: Sequence[Example],
    shared: Run,
) -> list[dict[str, Any]]:
    teacher = tutors[0].model.dims
    mixtures = [mix(shared.model, phase.objectives, teacher).to(best_device()) for phase in spec.phases]
    reads = Reads()
    for mixture in mixtures:
        reads |= mixture.teacher_reads
    opened: Teacher | None = None
    if reads:
        online, rows = together(tutors, shares, outlook.encoder, rows, examples, task, reads, shared.log)
        opened = open_teacher(
            online,
            rows,
            folder=shared.folder / "cache",
            budget_gb=spec.cache_gb,
            memory_gb=spec.cache_ram_gb,
            dtype=spec.cache_dtype,
            log=shared.log,
        )
    history: list[dict[str, Any]] = []
    for number, (phase, mixture) in enumerate(zip(spec.phases, mixtures, strict=True), start=1):
        course = Passes(rows, phase.passes(len(rows)), phase.batch_size, spec.seed)
        history += train(mixture, course, opened, phase, shared, f"distil {number} {phase.name}".rstrip())
    return history

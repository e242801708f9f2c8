"""What a student is taught on: labelled rows of a task. Texts of a corpus: see `corpus_lessons`."""

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from limbeck.core.journal import Journal
from limbeck.core.predictions import Predictions
from limbeck.engine import processes
from limbeck.engine.course import Course, Passes
from limbeck.engine.exam import Exam, TaskExam
from limbeck.engine.guards import judge_history, judge_student, judge_teacher
from limbeck.engine.mixture import Mixture
from limbeck.engine.rows import Rows
from limbeck.engine.score import TorchScorer, predict_split
from limbeck.engine.students import Ground, Loss, task_ground
from limbeck.engine.teacher_cache import Teacher, open_teachers
from limbeck.engine.teachers import Tutor, together
from limbeck.nn.checkpoint import save
from limbeck.nn.ensemble import by_loss
from limbeck.nn.model import Model
from limbeck.nn.outlook import Outlook
from limbeck.nn.types import Reads
from limbeck.text.infer import cut_texts
from limbeck.text.port import Example, Task


@dataclass(frozen=True)
class Keeping:
    """How a teacher's outputs are kept.

    Attributes:
        budget_gb: Most gigabytes of disk; phases whose part would not fit run the teacher in each step.
        memory_gb: Most gigabytes of memory.
        dtype: How all but the logits are stored.
    """

    budget_gb: float
    memory_gb: float
    dtype: str


@runtime_checkable
class Lessons(Protocol):
    """What a student is taught on, whatever it is to become."""

    ground: Ground
    """What it begins with."""

    def meet_teachers(self) -> None:
        """Look at the teachers, which are frozen by now, and tell what is odd about them."""

    def teachers(self, phases: Sequence[Reads], folder: Path, keeping: Keeping) -> Mapping[Reads, Teacher]:
        """Where what each phase reads of them comes from; there is at least one, and each reads something."""

    def course(self, phase: Any, seed: int) -> Course:
        """What a phase goes through."""

    def exam(self, student: Model, mixture: Mixture, teacher: Teacher | None) -> Exam:
        """How the student is examined during a phase."""

    def judge(self, student: Model, history: Sequence[dict[str, Any]]) -> None:
        """Tell what is odd about the student that came of it."""

    def save(self, student: Model, folder: Path) -> None:
        """Write config.json and model.safetensors."""

    def facts(self) -> dict[str, Any]:
        """What its Bundle is to say of it."""


@dataclass
class TaskLessons:
    """Rows of a task, and teachers that answer for them.

    Attributes:
        task: The task.
        tutors: The teachers.
        weighing: What each counts: `mean`, `by_dev_loss` or `by_confidence`.
        outlook: What the student will be.
        examples: Training rows.
        dev: Labelled rows to examine by.
        label_loss: The loss of answers against labels.
        log: Where progress goes.
        known: What the student's Bundle is to say of the task.
        ground: What the student begins with.
    """

    task: Task
    tutors: Sequence[Tutor]
    weighing: str
    outlook: Outlook
    examples: Sequence[Example]
    dev: Sequence[Example]
    label_loss: Loss
    log: Journal
    known: Mapping[str, Any]
    ground: Ground = field(init=False)
    _rows: Rows = field(init=False)
    _answers: list[Predictions] = field(default_factory=list)
    _shares: list[float] | None = None

    def __post_init__(self) -> None:
        self._rows = Rows.encode(self.task, self.outlook.encoder, self.examples)
        if cut := self._rows.cut:
            self.log.warn(
                f"train: {cut} of {len(self._rows)} texts are longer than {self.outlook.max_length} tokens and are cut"
            )
        self.log.warn_all(cut_texts("dev", self.task, self.outlook.encoder, self.dev))
        self.ground = task_ground(self.task, self._rows, self.examples, self.label_loss)

    def meet_teachers(self) -> None:
        """Hold their answers on dev against guessing, and weigh them."""
        for tutor in self.tutors:
            answers = predict_split(TorchScorer(tutor.model, self.task, tutor.encoder), self.task, self.dev)
            self.log.warn_all(judge_teacher(answers, self.task, tutor.role))
            self._answers.append(answers)
        self._shares = self._weighed()

    def _weighed(self) -> list[float] | None:
        """What each teacher counts; None where that is another for each item."""
        tutors = self.tutors
        if self.weighing == "by_confidence":
            return None
        if self.weighing == "mean" or len(tutors) == 1:
            return [1 / len(tutors)] * len(tutors)
        losses = [self._dev_loss(tutor) for tutor in tutors]
        shares = processes.agree(by_loss(losses, self.task.answer))
        told = (f"{t.role} {s:.3f} (dev loss {x:.4f})" for t, s, x in zip(tutors, shares, losses, strict=True))
        self.log.say(f"shares of the teachers: {', '.join(told)}")
        return shares

    def _dev_loss(self, tutor: Tutor) -> float:
        logits = np.concatenate(TorchScorer(tutor.model, self.task, tutor.encoder).logits(self.dev))
        targets = np.array([target for example in self.dev for target in self.task.targets(example)])
        return self.label_loss(torch.from_numpy(logits), torch.from_numpy(targets), self.task.answer).item()

    def teachers(self, phases: Sequence[Reads], folder: Path, keeping: Keeping) -> Mapping[Reads, Teacher]:
        """The teachers as one; from here on, rows are those that all of them answer for."""
        reads = functools.reduce(operator.or_, phases)
        online, self._rows = together(
            self.tutors, self._shares, self.outlook.encoder, self._rows, self.examples, self.task, reads, self.log
        )
        return open_teachers(
            online,
            phases,
            self._rows,
            folder=folder,
            budget_gb=keeping.budget_gb,
            memory_gb=keeping.memory_gb,
            dtype=keeping.dtype,
            log=self.log,
        )

    def course(self, phase: Any, seed: int) -> Course:
        """Whole passes over the rows."""
        return Passes(self._rows, phase.passes(len(self._rows)), phase.batch_size, seed)

    def exam(self, student: Model, mixture: Mixture, teacher: Teacher | None) -> TaskExam:
        """The task's deciding metric."""
        return TaskExam(student, self.task, self.outlook.encoder, self.dev)

    def judge(self, student: Model, history: Sequence[dict[str, Any]]) -> None:
        """Hold the student against guessing, against its teachers, and against itself at other times."""
        self.log.warn_all(judge_history(history, self.task.primary))
        answers = TaskExam(student, self.task, self.outlook.encoder, self.dev).answers()
        self.log.warn_all(judge_student(answers, self._answers, self.task))

    def save(self, student: Model, folder: Path) -> None:
        """With its head."""
        save(student, folder)

    def facts(self) -> dict[str, Any]:
        """Task and labels, and what teachers counted where there are several."""
        shares = dict(zip((t.role for t in self.tutors), self._shares or (), strict=False))
        return {**self.known, "labels": list(self.task.labels), **({"shares": shares} if len(shares) > 1 else {})}

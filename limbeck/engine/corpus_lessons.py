"""A student is taught on a corpus: general distillation, whose student knows no task yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.journal import Journal
from limbeck.engine.corpus import CorpusRows, Questions, Rounds, check_whole, splits
from limbeck.engine.corpus_exam import CorpusExam
from limbeck.engine.course import Course
from limbeck.engine.lessons import Keeping
from limbeck.engine.mixture import Mixture
from limbeck.engine.students import Ground, corpus_ground
from limbeck.engine.teacher_cache import OnlineTeacher, Teacher
from limbeck.engine.teachers import Tutor
from limbeck.nn.checkpoint import save, save_encoder
from limbeck.nn.model import Model
from limbeck.nn.outlook import Outlook
from limbeck.nn.tokenizers import check_cut_by, read_tokenizer
from limbeck.nn.types import Reads
from limbeck.text.token_store import told_of


@dataclass
class CorpusLessons:
    """Texts of a corpus, and the one teacher, which reads each text beside its student.

    Attributes:
        corpus: A Bundle made by `tokenize`.
        tutor: The teacher.
        outlook: What the student will be.
        questions: What both are asked while they read.
        answers: Whether an objective reads what they answer.
        seed: The stage's.
        log: Where progress goes.
        ground: What the student begins with.
    """

    corpus: Bundle
    tutor: Tutor
    outlook: Outlook
    questions: Questions
    answers: bool
    seed: int
    log: Journal
    ground: Ground = field(init=False)
    _rows: CorpusRows = field(init=False)
    _held: CorpusRows = field(init=False)
    _turn: int = 0

    def __post_init__(self) -> None:
        encoder = self.outlook.encoder
        if not self.tutor.encoder.same_as(encoder):
            raise BundleError(f"{self.corpus.path}: student and teacher must cut the corpus into the same tokens")
        remedy = "cut it by that one: limbeck tokenize CORPUS --tokenizer TEACHER"
        check_cut_by(self.corpus, read_tokenizer(self.outlook.folder), "the teacher's", remedy)
        check_whole(self.corpus, self.log)
        self._rows, self._held = splits(self.corpus, encoder, self.questions, self.seed)
        self.ground = corpus_ground(self._rows, answers=self.questions.words is not None and self.answers)

    def meet_teachers(self) -> None:
        """Nothing is known of a corpus that a teacher could fail in."""

    def teachers(self, phases: Sequence[Reads], folder: Path, keeping: Keeping) -> Mapping[Reads, Teacher]:
        """The teacher itself: texts are seen once or twice, and with other words hidden, so that nothing is kept."""
        return {reads: OnlineTeacher(self.tutor.model, reads, self.tutor.identity) for reads in phases}

    def course(self, phase: Any, seed: int) -> Course:
        """A number of steps through the corpus, which each phase begins anew."""
        course = Rounds(self._rows, phase.steps, phase.evaluate_every, phase.batch_size, seed, self._turn)
        self._turn = course.turns
        return course

    def exam(self, student: Model, mixture: Mixture, teacher: Teacher | None) -> CorpusExam:
        """The losses of the phase on documents held out."""
        return CorpusExam(mixture, self._held, teacher)

    def judge(self, student: Model, history: Sequence[dict[str, Any]]) -> None:
        """What it is good for, a task will tell."""

    def save(self, student: Model, folder: Path) -> None:
        """With its head, if that was taught anything."""
        (save if self.answers else save_encoder)(student, folder)

    def facts(self) -> dict[str, Any]:
        """What it was taught on."""
        return {"corpus": told_of(self.corpus)}

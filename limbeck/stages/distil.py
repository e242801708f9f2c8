"""Distil teachers into a student: cut it from the teacher, then train it on mixtures of objectives, in phases.

The default is TinyBERT's order (Jiao et al. 2020, arXiv:1909.10351): first inside and outputs together, then outputs
and labels. The student starts from the teacher's lower layers, the best start in arXiv:2305.15032; or from a
pre-trained model of its own, of another family and with another tokenizer, which then learns from answers, or from the
vectors of whole texts.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.hashing import digest
from limbeck.core.journal import Journal
from limbeck.core.shape import read_student
from limbeck.core.shelf import on_shelf, shelf
from limbeck.core.spec import Weighted, incidental
from limbeck.engine import processes
from limbeck.engine.corpus import Questions
from limbeck.engine.corpus_lessons import CorpusLessons
from limbeck.engine.lessons import Keeping, Lessons, TaskLessons
from limbeck.engine.loop import train
from limbeck.engine.mixture import build_objectives, mix
from limbeck.engine.run import Run
from limbeck.engine.seed import seed_all
from limbeck.engine.students import StudentSpec, begin_student, foresee_student, named_model
from limbeck.engine.teachers import Tutor
from limbeck.engine.training import Training, single_phase
from limbeck.nn.beginnings import with_vocabulary_head
from limbeck.nn.checkpoint import check_length, load_bundle, model_hashes, parameters_in, read_shape
from limbeck.nn.heads import answers_alike, answers_told, order_labels
from limbeck.nn.kinship import as_distilbert, check_bert
from limbeck.nn.model import Model, best_device, frozen, tapped
from limbeck.nn.outlook import Outlook, outlook_of_bundle
from limbeck.nn.tokenizers import save_tokenizer
from limbeck.nn.types import Dims
from limbeck.objectives.attention_relations import Spec as AttentionRelations
from limbeck.objectives.hidden_states import Spec as HiddenStates
from limbeck.objectives.labels import Spec as Labels
from limbeck.objectives.labels import label_loss
from limbeck.objectives.soft_targets import Spec as SoftTargets
from limbeck.text.examples import read_examples
from limbeck.text.lexicon import open_lexicon
from limbeck.text.opening import open_task
from limbeck.text.port import Task

_TEACHER = re.compile(r"teacher(?:_([2-9]|[1-9]\d+))?")
_CORPUS, _ORIGIN = "corpus", "student"
"""Roles: the texts of general distillation; the model that a student begins from."""

TOGETHER = True
"""Several processes train together."""
AnyObjective = Annotated[Weighted, on_shelf("objectives")]
AnyPretext = Annotated[Weighted, on_shelf("pretexts")]


class Phase(Training):
    """A part of the training with its own objectives."""

    name: str = ""
    """What the log calls it."""
    objectives: tuple[AnyObjective, ...] = Field((SoftTargets(), Labels()), min_length=1)
    """What is summed: algorithms of the objectives shelf, each with its `weight`."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training rows, ≥ 1. null: as many as `steps` asks for."""
    evaluate_every: int = Field(500, ge=1)
    """Over a corpus: steps between two looks at the documents held out. There `steps` are made as they are."""
    learning_rate: float | None = Field(None, gt=0.0)
    """Peak rate of AdamW. null: 5e-5 for a student 768 wide, and inversely to the width for others, so 1e-4 for one
    384 wide. TinyBERT takes 5e-5 for its 312-wide student, MiniLM 4e-4 to 6e-4 on raw text."""
    dropout: bool = False
    """Whether the student's dropout is on. Off: a student that copies a teacher seldom overfits, and its targets are
    the teacher's without dropout."""


_INSIDE = Phase(name="inside", objectives=(SoftTargets(), HiddenStates(), AttentionRelations()))
_OUTPUTS = Phase(name="outputs", steps=500, objectives=(SoftTargets(), Labels(weight=0.5)))


_RELATIONS = Phase(
    name="relations",
    objectives=(AttentionRelations(),),
    steps=10_000,
    batch_size=64,
    learning_rate=6e-4,
    warmup_fraction=0.01,
)
"""Over a corpus: MiniLMv2, which fits every pair of networks, with the published rate."""


def defaults(roles: Collection[str]) -> dict[str, Any]:
    """Fields that depend on what the stage is given: over a corpus other phases than on rows of a task."""
    return {"phases": (_RELATIONS,), "max_length": 128} if _CORPUS in roles else {}


class Spec(StudentSpec):
    """Distillation. Fields of a phase given here, without `phases`, make a single phase."""

    teachers: Literal["mean", "by_dev_loss", "by_confidence"] = "mean"
    """What several teachers (`teacher`, `teacher_2`, …) count in the mean of their probabilities, or of their values:
    all the same (Hinton et al. 2015); each by its loss on the dev rows, as exp(−loss), for values 1/MSE; or, item by
    item, each by its own certainty, as exp(−entropy), not for values. Hidden states and attention are read of the
    first."""
    phases: tuple[Phase, ...] = Field((_INSIDE, _OUTPUTS), min_length=1)
    """What is done in turn, each with its own objectives and rate."""
    pretext: AnyPretext | None = None
    """Over a corpus: what both are asked while they read, a pretext about words; null shows them the texts as they
    are. The objective `labels` is the loss of what is asked."""
    answers: Literal["every", "hidden"] = "every"
    """Over a corpus: the tokens of which answers are compared: `every` one, as DistilBERT's are; or the `hidden` ones
    alone, which takes a seventh of the products with the vocabulary."""
    family: Literal["", "distilbert"] = ""
    """Over a corpus: what a student cut from a BERT becomes. `distilbert` has neither token types nor a pooler; it
    begins with the same outputs. Empty: it stays what it is."""
    frozen: tuple[Literal["positions"], ...] = ()
    """Parts that are not trained: `positions`, as in DistilBERT's code."""
    cache_gb: float = Field(4.0, ge=0.0)
    """Most gigabytes of disk for the teacher's outputs. Where not all would fit, phases that read least have theirs on
    disk, and for the others the teacher runs in each step."""
    cache_ram_gb: float = incidental(0.0, ge=0.0)
    """Most gigabytes of memory, of each process, for those that are on disk; up to that they are read whole, above it
    mapped. Mapped ones are as fast while the system has room for them in memory, and cost the process none of its own:
    0 maps all. Reading whole pays where files are dropped from memory and slow to read again."""
    cache_dtype: Literal["float16", "float32"] = "float16"
    """How hidden states, queries, keys and values are stored there; logits are always float32, and so is what exceeds
    the range of float16 (65 504), as MobileBERT's hidden states do."""

    @model_validator(mode="before")
    @classmethod
    def _single_phase(cls, fields: Any) -> Any:
        return single_phase(fields, Phase)


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
    roles, data = _teacher_roles(inputs), inputs.get("data")
    there = [inputs[role] for role in roles if isinstance(inputs[role], Bundle)]
    if isinstance(data, Bundle):
        _check_task(spec, open_task(data))
        for bundle in there:
            _check_answers(bundle, open_task(data), data)
    _check_corpus(spec, corpus=_CORPUS in inputs)
    known = {role: _outlook(spec, inputs, role) for role in roles}
    origin = inputs.get(_ORIGIN)
    if known["teacher"] is None or (_ORIGIN in inputs and origin is None):
        return None
    origin = outlook_of_bundle(origin) if isinstance(origin, Bundle) else origin
    student = foresee_student(spec, known["teacher"], origin)
    if spec.family:
        check_bert(read_shape(student.folder))
    _check_phases(spec, student, known, data)
    return student


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the student.

    Args:
        spec: How.
        inputs: `teacher`, a PyTorch Bundle, and `data`, made by `prepare`, with perhaps `teacher_2` and more; or
            `corpus`, made by `tokenize`. Perhaps `student`, the Bundle of a model that it begins from.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        BundleError: A teacher answers with other labels than the data has, or a model cannot be used.
        DataError: The tokenizers of student and teachers have no item in common.
        RecipeError: The student's shape or an objective does not fit the teacher.
    """
    from limbeck.page.encoder_card import write_encoder_card

    roles = _teacher_roles(inputs)
    _check_corpus(spec, corpus=_CORPUS in inputs)
    known = {role: _outlook(spec, inputs, role) for role in roles}
    origin = outlook_of_bundle(inputs[_ORIGIN]) if _ORIGIN in inputs else None
    outlook = foresee_student(spec, known["teacher"], origin)
    _check_phases(spec, outlook, known, inputs.get("data"))
    seed_all(spec.seed)
    lessons, tutors = (_general if _CORPUS in inputs else _of_task)(spec, inputs, known, outlook, log)
    own = inputs[_ORIGIN].path if _ORIGIN in inputs else None
    student, cost = begin_student(spec, outlook, tutors[0].model, lessons.ground, log, own)
    student = as_distilbert(student) if spec.family else student
    for tutor in tutors:
        frozen(tutor.model)
    if "positions" in spec.frozen:
        student.parts.tables[1].requires_grad_(False)
    lessons.meet_teachers()
    with create_bundle(out, "distil", spec, inputs, outside(spec)) as draft:
        history = _phases(spec, lessons, student, known["teacher"].dims, log, out, draft.origin["step_hash"])
        lessons.judge(student, history)
        lessons.save(student, draft.path)
        save_tokenizer(outlook.folder, draft.path)
        draft.facts |= {
            "name": str(student.dims),
            "max_length": outlook.max_length,
            "dims": student.size(),
            "cost": cost,
            "history": history,
            "warnings": log.warnings,
            **lessons.facts(),
        }
        if processes.is_first():  # the only one whose model is written, perhaps without the head that it was trained by
            draft.facts["dims"]["parameters"] = parameters_in(draft.path)
            if _CORPUS in inputs:
                write_encoder_card(draft, str(inputs["teacher"].facts.get("name") or "a larger model"))
    return open_bundle(out)


def _teacher_roles(inputs: Mapping[str, Any]) -> list[str]:
    """The roles of the teachers, in their order."""
    rest = inputs.keys() - {"data", _CORPUS, _ORIGIN}
    taught_on = inputs.keys() & {"data", _CORPUS}
    if "teacher" not in rest or len(taught_on) != 1 or any(not _TEACHER.fullmatch(role) for role in rest):
        raise RecipeError(
            "distil.from: give teacher and, where there are more, teacher_2, teacher_3, …; and either data or corpus "
            f"(found {', '.join(inputs)})"
        )
    if _CORPUS in inputs and len(rest) > 1:
        raise RecipeError("distil.from: over a corpus a student has one teacher; leave the others out")
    return sorted(rest, key=lambda role: int(role.partition("_")[2] or 1))


def _outlook(spec: Spec, inputs: Mapping[str, Any], role: str) -> Any:
    """What is known of a teacher; over a corpus it reads the student's rows, however long its own texts were.

    Its answers, if they are read, are then the tokens of its vocabulary.
    """
    found = outlook_of_bundle(one) if isinstance(one := inputs[role], Bundle) else one
    if found is None or _CORPUS not in inputs:
        return found
    length = spec.max_length or found.max_length
    check_length(found.folder, length, "distil.max_length")
    dims = replace(found.dims, labels=read_shape(found.folder).vocab_size, answer="class", over_tokens=True)
    return replace(found, dims=dims, max_length=length)


def _reads_answers(spec: Spec, student: Dims, teacher: Dims) -> bool:
    """Whether an objective reads what the student answers."""
    built = [build_objectives(phase.objectives, student, teacher) for phase in spec.phases]
    return any(one.student_reads.logits for objectives in built for _, one in objectives.values())


def _check_corpus(spec: Spec, *, corpus: bool) -> None:
    """Refuse fields that speak of a corpus where there is none, and labels or hidden words where nothing is asked."""
    if spec.family and not corpus:
        raise RecipeError(f"distil.family: {spec.family}, but it is over a corpus that a student changes its family")
    if spec.pretext is not None and (not corpus or spec.pretext.kind != "masked_lm"):
        raise RecipeError(
            f"distil.pretext: {spec.pretext.kind}, but a student is asked about hidden words alone, over a corpus; "
            "give masked_lm and a corpus, or leave it out"
        )
    if spec.answers == "hidden" and spec.pretext is None:
        raise RecipeError(
            "distil.answers: hidden, but no word is hidden, and of each text the first token alone would be taught; "
            "set pretext: masked_lm, over a corpus, or answers: every"
        )
    if corpus and spec.pretext is None and (phase := _reading_labels(spec)) is not None:
        raise RecipeError(
            f"distil.phases[{phase}].objectives: labels are of words that are hidden; set pretext: masked_lm"
        )


def _reading_labels(spec: Spec) -> int | None:
    """The first phase with the objective `labels`."""
    numbers = (n for n, phase in enumerate(spec.phases) if any(one.kind == "labels" for one in phase.objectives))
    return next(numbers, None)


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


def _check_phases(spec: Spec, student: Outlook, teachers: Mapping[str, Outlook | None], data: Any) -> None:
    """Refuse objectives that do not fit the sizes, or that compare tokens where the sides have different ones.

    Of words, windows differ too, and with them the vectors of rows.
    """
    first, per_word = teachers["teacher"], isinstance(data, Bundle) and open_task(data).per_word
    assert first is not None
    for number, phase in enumerate(spec.phases):
        built = build_objectives(phase.objectives, student.dims, first.dims)
        reads = {name: one.teacher_reads for name, (_, one) in built.items()}
        inside = [n for n, r in reads.items() if any(layers for _, layers in r.layers()) or (per_word and r.pooled)]
        if not inside or _aligned(student, first):
            continue
        fit = [role for role, one in teachers.items() if one is not None and _aligned(student, one)]
        raise RecipeError(
            f"distil.phases[{number}].objectives: {', '.join(inside)} compare student and teacher token by token, or "
            "window by window, but their tokenizers (or max_length) cut texts differently; take objectives that read "
            "answers alone, as [soft_targets, labels], or whole texts, as embedding; or a student with the teacher's "
            "tokenizer and max_length" + (f"; or let {fit[0]}, which has the student's, be `teacher`" if fit else "")
        )


def _of_task(
    spec: Spec, inputs: Mapping[str, Bundle], known: Mapping[str, Outlook], outlook: Outlook, log: Journal
) -> tuple[Lessons, Sequence[Tutor]]:
    """Rows of a task, and teachers that answer for them."""
    data = inputs["data"]
    task = open_task(data)
    _check_task(spec, task)
    for role in known:
        _check_answers(inputs[role], task, data)
    tutors = [_tutor(role, inputs[role], one, task) for role, one in known.items()]
    examples, dev = read_examples(data, "train"), read_examples(data, "dev", labelled=True)
    fact = {"task": data.facts["task"]}
    return TaskLessons(task, tutors, spec.teachers, outlook, examples, dev, label_loss, log, fact), tutors


def _tutor(role: str, bundle: Bundle, outlook: Outlook, task: Task) -> Tutor:
    model = load_bundle(bundle)
    if list(bundle.labels) != list(task.labels):
        order_labels(model, bundle.labels, task.labels)
    model.network.to(best_device())
    return Tutor(role, model, outlook.encoder, digest({"bundle": bundle.digest, "labels": task.labels}))


def _general(
    spec: Spec, inputs: Mapping[str, Bundle], known: Mapping[str, Outlook], outlook: Outlook, log: Journal
) -> tuple[Lessons, Sequence[Tutor]]:
    """Texts of a corpus, and a teacher that reads them."""
    corpus, bundle = inputs[_CORPUS], inputs["teacher"]
    network, new = with_vocabulary_head(bundle.path)
    answers = _reads_answers(spec, outlook.dims, known["teacher"].dims)
    if new and answers:
        raise BundleError(
            f"{bundle.path}: the teacher does not answer for hidden words, as it has no such head; train one first, "
            "pretrain with `trained: head`, or take objectives that read no answers, as attention_relations"
        )
    network.to(best_device())
    tutor = Tutor("teacher", tapped(network, per_word=True), known["teacher"].encoder, bundle.digest)
    words = None if spec.pretext is None else shelf("pretexts").build(spec.pretext, open_lexicon(corpus))
    questions = Questions(words, every_token=answers and spec.answers == "every")
    return CorpusLessons(corpus, tutor, outlook, questions, answers, spec.seed, log), [tutor]


def _phases(
    spec: Spec, lessons: Lessons, student: Model, dims: Dims, log: Journal, out: Path, key: str
) -> list[dict[str, Any]]:
    mixtures = [mix(student, phase.objectives, dims).to(best_device()) for phase in spec.phases]
    reads = list(dict.fromkeys(mixture.teacher_reads for mixture in mixtures if mixture.teacher_reads))
    keeping = Keeping(spec.cache_gb, spec.cache_ram_gb, spec.cache_dtype)
    opened = lessons.teachers(reads, out.parent / "cache", keeping) if reads else {}
    teachers = [opened.get(mixture.teacher_reads) for mixture in mixtures]
    shared = Run.open(spec, student, lessons.exam(student, mixtures[0], teachers[0]), log, out, key)
    history: list[dict[str, Any]] = []
    for number, (phase, mixture, teacher) in enumerate(zip(spec.phases, mixtures, teachers, strict=True), start=1):
        examined = replace(shared, exam=lessons.exam(student, mixture, teacher))
        course = lessons.course(phase, spec.seed)
        history += train(mixture, course, teacher, phase, examined, f"distil {number} {phase.name}".rstrip())
    shared.keep_best()
    return history

"""Distil a teacher into a student: cut it from the teacher, then train it on mixtures of objectives, in phases.

The default is TinyBERT's order (Jiao et al. 2020, arXiv:1909.10351): first inside and outputs together, then outputs
and labels. The student starts from the teacher's lower layers, the best start in arXiv:2305.15032.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from torch import Tensor

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.journal import Journal
from limbeck.core.shape import Shape, parse_shape
from limbeck.core.shelf import on_shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.core.spec import Weighted
from limbeck.engine.loop import Run, Tracked, Training, train
from limbeck.engine.mixture import build_objectives, mix
from limbeck.engine.rows import Rows
from limbeck.engine.seed import seed_all
from limbeck.engine.teacher_cache import Teacher, open_teacher
from limbeck.nn.checkpoint import fresh, load_bundle, read_config, resolve, save, save_tokenizer
from limbeck.nn.model import Model, backbone_of, best_device, frozen
from limbeck.nn.surgery import Importance, cut, measure_importance
from limbeck.nn.types import Batch, Dims, Reads
from limbeck.objectives.attention_relations import Spec as AttentionRelations
from limbeck.objectives.hidden_states import Spec as HiddenStates
from limbeck.objectives.labels import Spec as Labels
from limbeck.objectives.labels import cross_entropy
from limbeck.objectives.soft_targets import Spec as SoftTargets
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_encoder, open_task

_IMPORTANCE_ROWS = 512
_IMPORTANCE_BATCH = 16

AnyObjective = Annotated[Weighted, on_shelf("objectives")]


class Phase(Training):
    """A part of the training with its own objectives."""

    name: str = ""
    """What the log calls it."""
    objectives: tuple[AnyObjective, ...] = Field((SoftTargets(), Labels()), min_length=1)
    """What is summed: algorithms of the objectives shelf, each with its `weight`."""
    epochs: int = Field(4, ge=1)
    """Passes over the training rows, ≥ 1."""
    learning_rate: float = Field(1e-4, gt=0.0)
    """Peak rate of AdamW. TinyBERT takes 5e-5 for its 312-wide student, MiniLM 4e-4 to 6e-4 on raw text."""
    dropout: bool = False
    """Whether the student's dropout is on. Off: a student that copies a teacher seldom overfits, and its targets are
    the teacher's without dropout."""


_INSIDE = Phase(name="inside", objectives=(SoftTargets(), HiddenStates(), AttentionRelations()))
_OUTPUTS = Phase(name="outputs", epochs=3, learning_rate=5e-5, objectives=(SoftTargets(), Labels(weight=0.5)))


class Spec(Tracked):
    """Distillation. Fields of a phase given here, without `phases`, make a single phase."""

    student: str = "half"
    """Shape of the student: `3x384`, `layers=3,hidden=192,heads=12,intermediate=768`, `half`, `third` or `tiny`."""
    phases: tuple[Phase, ...] = Field((_INSIDE, _OUTPUTS), min_length=1)
    """What is done in turn, each with its own objectives and rate."""
    cache_gb: float = Field(4.0, ge=0.0)
    """Most gigabytes of disk for the teacher's outputs; where they would not fit, the teacher runs in each step."""
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


def foresee(spec: Spec, makers: Mapping[str, CoreSpec]) -> None:
    """Refuse a student or an objective that does not fit the teacher, before the teacher is trained.

    Args:
        spec: What is wanted.
        makers: Role → fields of the step that will make that input, where a step of the same recipe does.

    Raises:
        RecipeError: Something does not fit.
    """
    reference = getattr(makers.get("teacher"), "model", None)
    if reference is not None:
        config = read_config(resolve(reference))
        teacher = backbone_of(config).dims(config)
        student = _student_dims(spec, config)
        for phase in spec.phases:
            build_objectives(phase.objectives, student, teacher)


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the student.

    Args:
        spec: How.
        inputs: `teacher`, a PyTorch Bundle, and `data`, made by `prepare`.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        BundleError: The teacher answers with other labels than the data has.
        RecipeError: The student's shape or an objective does not fit the teacher.
    """
    source, data = inputs["teacher"], inputs["data"]
    task, encoder = open_task(source), open_encoder(source)
    if task.labels != data.labels:
        raise BundleError(
            f"{source.path}: the teacher answers with {', '.join(task.labels)}; "
            f"{data.path} has {', '.join(data.labels)}"
        )
    seed_all(spec.seed)
    teacher = load_bundle(source)
    teacher.network.to(best_device())
    rows = Rows.encode(task, encoder, read_examples(data, "train"))
    if rows.cut:
        log.warn(f"{rows.cut} of {len(rows)} texts are longer than {encoder.max_length} tokens and are cut")
    student = _student(spec, teacher, task.head, rows, log)
    frozen(teacher)
    shared = Run(spec, student, task, encoder, read_examples(data, "dev", labelled=True), log, out.parent)
    with create_bundle(out, "distil", spec, inputs) as draft:
        history = _phases(spec, teacher, source, rows, shared)
        shared.keep_best()
        save(student, draft.path)
        save_tokenizer(source.path, draft.path)
        kept = ("task", "labels", "max_length")
        draft.facts |= {name: source.facts[name] for name in kept} | {
            "name": str(student.dims),
            "dims": student.size(),
            "history": history,
        }
    return open_bundle(out)


def _student_dims(spec: Spec, config: Any) -> Dims:
    """The student's size; the teacher's family may refuse it."""
    backbone = backbone_of(config)
    size = backbone.dims(config)
    shape = parse_shape(spec.student, Shape(size.layers, size.hidden, size.heads, size.intermediate))
    wanted = Dims(shape.layers, shape.hidden, shape.heads, shape.intermediate)
    return backbone.dims(backbone.build(backbone.Spec(), config, wanted))


def _student(spec: Spec, teacher: Model, head: str, rows: Rows, log: Journal) -> Model:
    size, dims = teacher.dims, _student_dims(spec, teacher.config)
    narrower = (dims.hidden, dims.heads, dims.intermediate) != (size.hidden, size.heads, size.intermediate)
    importance = _importance(teacher, rows) if narrower else None
    layers = range(1, dims.layers + 1)
    student = cut(teacher, dims, lambda config: fresh(config, head), layers, importance)
    student.network.to(best_device())
    log.say(
        f"student {dims}: layers 1 to {dims.layers} of the teacher's {size.layers}"
        + (f", {dims.hidden} of {size.hidden} features by importance" if narrower else "")
        + f"; {student.parameter_count() / 1e6:.1f} M of {teacher.parameter_count() / 1e6:.1f} M parameters"
    )
    return student


def _importance(teacher: Model, rows: Rows) -> Importance:
    device = next(teacher.network.parameters()).device
    chosen = rows.labelled()[:_IMPORTANCE_ROWS]
    groups = [chosen[i : i + _IMPORTANCE_BATCH] for i in range(0, len(chosen), _IMPORTANCE_BATCH)]

    def loss(batch: Batch) -> Tensor:
        logits = teacher.run(batch, Reads(logits=True)).logits
        assert logits is not None
        return cross_entropy(logits, batch.targets)

    return measure_importance(teacher, (rows.batch(g, device) for g in groups), loss)


def _phases(spec: Spec, teacher: Model, source: Bundle, rows: Rows, shared: Run) -> list[dict[str, Any]]:
    device = best_device()
    mixtures = [mix(shared.model, phase.objectives, teacher.dims).to(device) for phase in spec.phases]
    reads = Reads()
    for mixture in mixtures:
        reads |= mixture.teacher_reads
    cached: Teacher | None = None
    if reads:
        cached = open_teacher(
            teacher,
            rows,
            reads,
            identity=source.digest,
            folder=shared.folder / "cache",
            budget_gb=spec.cache_gb,
            dtype=spec.cache_dtype,
            log=shared.log,
        )
    history: list[dict[str, Any]] = []
    for number, (phase, mixture) in enumerate(zip(spec.phases, mixtures, strict=True), start=1):
        history += train(mixture, rows, cached, phase, shared, f"distil {number} {phase.name}".rstrip())
    return history

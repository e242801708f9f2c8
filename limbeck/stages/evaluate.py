"""Evaluate models on the same rows: every metric with its interval, size, and how each differs from the others."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from limbeck.core import spec as core
from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, DataError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.measurement import write_measurements
from limbeck.core.predictions import Predictions
from limbeck.evidence.costs import model_costs
from limbeck.evidence.measuring import Measuring
from limbeck.text.examples import read_examples
from limbeck.text.infer import cut_texts
from limbeck.text.opening import open_encoder, open_task
from limbeck.text.port import Example, Task

_SHOWN_LABELS = 12


class Spec(core.Spec):
    """How models are measured."""

    split: Literal["train", "dev", "test"] = "test"
    """Split whose labelled rows are used; `dev` where it has none."""
    draws: int = Field(1000, ge=100, le=100_000)
    """Bootstrap resamples behind each 95 % interval; 1000 is usual."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Seed of the resamples."""
    baseline: str = "teacher"
    """Role that the others are compared with first: what they keep of its primary metric."""
    threads: int = Field(0, ge=0, le=1024)
    """Processor threads; 0 leaves the choice to the libraries."""


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Measure every model among the inputs.

    Args:
        spec: How.
        inputs: `data` and at least one model, by role.
        out: Where to put measurements and predictions.
        log: Where progress is told.

    Returns:
        A Bundle with `measurements.json` and `predictions/<role>.npz`.

    Raises:
        RecipeError: There is no model, or a role's name cannot be a file's.
        BundleError: A model was made for other labels.
        DataError: No row has a label.
    """
    from limbeck.engine.score import open_scorer, predict_split, torch_threads

    data, models = inputs["data"], _models(spec, inputs)
    task = open_task(data)
    split, examples = _labelled(spec, data, log)
    log.warn_all(_cut(models, task, split, examples))
    with create_bundle(out, "evaluate", spec, inputs) as draft, torch_threads(spec.threads):
        (draft.path / "predictions").mkdir()
        predictions = {}
        for role, model in models.items():
            path = draft.path / "predictions" / f"{role}.npz"
            predict_split(open_scorer(model, spec.threads), task, examples, log, f"evaluate {role}").save(path)
            predictions[role] = Predictions.read(path)  # what is measured is what is kept, to the last bit
        measuring = Measuring(predictions, task.metrics, task.primary, spec.baseline, split, spec.draws, spec.seed)
        for role, metric in measuring.undefined():
            log.record("undefined", model=role, metric=metric, reason=f"the {split} rows do not define it")
        costs = [m for role, model in models.items() for m in model_costs(role, model)]
        write_measurements(draft.path / "measurements.json", [*measuring.measurements(), *costs])
        draft.facts |= {"task": data.facts["task"], "labels": list(data.labels), "primary": task.primary}
        draft.facts |= {"split": split, "n": len(examples), "roles": list(models), "baseline": spec.baseline}
        draft.facts |= {"data": {name: data.facts.get(name) for name in ("name", "counts")}, "warnings": log.warnings}
    return open_bundle(out)


def _models(spec: Spec, inputs: Mapping[str, Bundle]) -> dict[str, Bundle]:
    """Role → model, the baseline first; all must answer with the labels of the data."""
    models = {role: bundle for role, bundle in inputs.items() if role != "data"}
    if not models:
        raise RecipeError("evaluate.from: no model among the inputs; name at least one, as {student: student}")
    for role, model in models.items():
        if not re.fullmatch(r"[\w-]+", role, re.ASCII):
            raise RecipeError(f"evaluate.from: the role {role!r} may hold letters, digits, _ and - only; rename it")
        check_labels(inputs["data"], role, model)
    return {role: models[role] for role in (spec.baseline, *models) if role in models}


def check_labels(data: Bundle, role: str, model: Bundle) -> None:
    """Refuse a model whose logits do not mean the labels of the data.

    Raises:
        BundleError: The labels or their order differ.
    """
    if model.labels != data.labels:
        raise BundleError(
            f"{model.path}: the {role} answers with the labels {_some(model.labels)}, but the data {data.path} has "
            f"{_some(data.labels)}. Both must be the same, in the same order; train the {role} on this data"
        )


def _some(labels: tuple[str, ...]) -> str:
    rest = f", … ({len(labels)} in all)" if len(labels) > _SHOWN_LABELS else ""
    return ", ".join(map(repr, labels[:_SHOWN_LABELS])) + rest


def _cut(models: Mapping[str, Bundle], task: Task, split: str, examples: Sequence[Example]) -> list[str]:
    """Warnings of texts that a model does not read to their end, each with the models that it is true of."""
    roles: dict[str, list[str]] = {}
    for role, model in models.items():
        for warning in cut_texts(split, task, open_encoder(model), examples):
            roles.setdefault(warning, []).append(role)
    return [f"{warning} ({', '.join(its)})" for warning, its in roles.items()]


def _labelled(spec: Spec, data: Bundle, log: Journal) -> tuple[str, list[Example]]:
    """The split to be used and its labelled rows."""
    for split in (spec.split, "dev"):
        if examples := read_examples(data, split, labelled=True):
            if split != spec.split:
                flattery = "which also chose the best weights: the numbers flatter"
                log.warn(f"{data.path}: no labelled {spec.split} rows; measured on {split} instead, {flattery}")
            return split, examples
    raise DataError(f"{data.path}: no labelled rows in {spec.split} or dev; give some with --test")

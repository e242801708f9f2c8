"""Quantise an ONNX model, and refuse a result that answers worse or differently than its parent.

The gate compares both on the dev split: drop of the deciding metric, and agreement. That is the share of items answered
alike; where several labels may hold, F1 between those given; of values Lin's concordance, which sees a shift that a
correlation does not. Where it is not passed, the operators that harm most are found by putting back one at a time, and
are left in fp32 until it is.
"""

import math
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from limbeck import runtime
from limbeck.core.bundle import Bundle, create_bundle, instruction_sets, open_bundle
from limbeck.core.errors import DataError, GateError
from limbeck.core.journal import Journal
from limbeck.core.predictions import Predictions
from limbeck.core.shelf import on_shelf, shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.engine.score import metric_value, open_scorer, predict_split
from limbeck.evidence.comparison import agreement, agreement_text
from limbeck.quantizers.dynamic_int8 import Spec as DynamicInt8
from limbeck.runtime.witness import bear
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_task
from limbeck.text.port import Example, Quantizer

_MODEL = "model.onnx"
_SENSITIVITY_ROWS = 300


class Spec(CoreSpec):
    """Quantisation."""

    quantizer: Annotated[CoreSpec, on_shelf("quantizers")] = DynamicInt8()
    """Algorithm of the quantizers shelf."""
    max_drop: float = Field(0.01, ge=0.0, le=1.0)
    """Largest loss of the deciding metric on dev, as a fraction: 0.01 is one point."""
    min_agreement: float = Field(0.98, ge=0.0, le=1.0)
    """Smallest agreement of both models' answers, of which 1 is all."""
    max_reverts: int = Field(3, ge=0)
    """How many operators may be put back to fp32, most harmful first, to pass the gate; each adds to the size."""
    force: bool = False
    """Write the result even if the gate refuses it; the Bundle says so."""


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the int8 ONNX Bundle.

    Args:
        spec: How.
        inputs: `model`, an fp32 ONNX Bundle, and `data`, made by `prepare`.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        GateError: The result lost too much and `force` is off.
        DataError: The data has no labelled dev rows.
    """
    source, data = inputs["model"], inputs["data"]
    task = open_task(source)
    dev = read_examples(data, "dev", labelled=True)
    if not dev:
        raise DataError(f"{data.path}: no labelled dev rows to judge the quantised model by; prepare it with --dev")
    quantizer: Quantizer = shelf("quantizers").build(spec.quantizer)
    before = predict_split(open_scorer(source), task, dev)
    with create_bundle(out, "quantize", spec, inputs) as draft:
        for name in source.files():
            if name != _MODEL:
                (draft.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source.file(name), draft.path / name)
        draft.facts |= source.facts | {"precision": "int8", "instruction_sets": instruction_sets()}

        def answers(keep: Collection[str], examples: Sequence[Example]) -> Predictions:
            quantizer.write(source.file(_MODEL), draft.path / _MODEL, keep)
            return predict_split(open_scorer(draft.seal()), task, examples)

        keep: list[str] = []
        gate = _judge(spec, task.primary, before, answers(keep, dev))
        if not gate["passed"] and spec.max_reverts:
            log.say(f"int8: {_told(gate)}; looking for the operators that harm most")
            few = dev[:_SENSITIVITY_ROWS]
            names = quantizer.operators(source.file(_MODEL))
            ranked = _by_harm(names, predict_split(open_scorer(source), task, few), lambda k: answers(k, few), log)
            while not gate["passed"] and len(keep) < min(spec.max_reverts, len(ranked)):
                keep.append(ranked[len(keep)])
                gate = _judge(spec, task.primary, before, answers(keep, dev))
        if not gate["passed"] and not spec.force:
            raise GateError(
                f"quantize: {_told(gate)}, with {len(keep)} operators left in fp32; nothing was written. Overrule with "
                "--force, allow more with --set quantize.max_reverts, or loosen max_drop and min_agreement"
            )
        (log.say if gate["passed"] else log.warn)(f"int8: {_told(gate)}, {len(keep)} operators left in fp32")
        draft.facts["gate"] = {**gate, "kept_fp32": keep}
        if vocabulary := source.facts.get("dims", {}).get("vocabulary"):
            draft.facts["witness"] = bear(runtime.load(draft.seal().path), vocabulary)
        draft.facts["warnings"] = [*source.facts.get("warnings", ()), *log.warnings]
    return open_bundle(out)


def _judge(spec: Spec, metric: str, before: Predictions, after: Predictions) -> dict[str, Any]:
    drop = _drop(*(metric_value(metric, one) for one in (before, after)))
    alike = agreement(before, after)
    return {
        "metric": metric,
        "drop": drop,
        "max_drop": spec.max_drop,
        "agreement": alike,
        "answer": before.answer,
        "min_agreement": spec.min_agreement,
        "n": len(before),
        "passed": (drop is None or drop <= spec.max_drop) and alike >= spec.min_agreement,
    }


def _drop(before: float, after: float) -> float | None:
    """By how much a metric falls; None where dev does not define it. Undefined for int8 answers alone it is nothing.

    >>> _drop(0.75, 0.5), _drop(0.75, math.nan), _drop(math.nan, math.nan)
    (0.25, 0.75, None)
    """
    if not math.isfinite(before):
        return None
    return before - (after if math.isfinite(after) else 0.0)


def _told(gate: Mapping[str, Any]) -> str:
    limit = f"{gate['min_agreement']:g}" if gate["answer"] == "value" else f"{100 * gate['min_agreement']:g} %"
    change = "is undefined" if gate["drop"] is None else f"drops by {100 * gate['drop']:.2f} points"
    return (
        f"dev {gate['metric']} {change} (at most {100 * gate['max_drop']:g}), "
        f"{agreement_text(gate['answer'], gate['agreement'])} (at least {limit})"
    )


def _by_harm(
    names: Sequence[str], reference: Predictions, answers: Callable[[Collection[str]], Predictions], log: Journal
) -> list[str]:
    """Operators by how near the fp32 answers come when that one alone is put back, nearest first."""
    distance = {}
    with log.bar("sensitivity", len(names), "operators") as bar:
        for name in names:
            found = answers([name])
            distance[name] = float(np.square(found.probabilities - reference.probabilities).mean())
            bar.advance()
    return sorted(names, key=lambda name: distance[name])

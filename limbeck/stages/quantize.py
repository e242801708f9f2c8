"""Quantise an ONNX model, and refuse a result that answers worse or differently than its parent.

The gate compares both on the dev split: drop of the deciding metric, and share of items answered alike.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from limbeck.core.bundle import Bundle, create_bundle, instruction_sets, open_bundle
from limbeck.core.errors import DataError, GateError
from limbeck.core.journal import Journal
from limbeck.core.predictions import Predictions
from limbeck.core.shelf import on_shelf, shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.engine.score import metric_value, open_scorer, predict_split
from limbeck.quantizers.dynamic_int8 import Spec as DynamicInt8
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_task


class Spec(CoreSpec):
    """Quantisation."""

    quantizer: Annotated[CoreSpec, on_shelf("quantizers")] = DynamicInt8()
    """Algorithm of the quantizers shelf."""
    max_drop: float = Field(0.01, ge=0.0, le=1.0)
    """Largest loss of the deciding metric on dev, as a fraction: 0.01 is one point."""
    min_agreement: float = Field(0.98, ge=0.0, le=1.0)
    """Smallest share of items that both models answer alike."""
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
    before = predict_split(open_scorer(source), task, dev, log, "fp32 on dev")
    with create_bundle(out, "quantize", spec, inputs) as draft:
        for name in source.files():
            if name != "model.onnx":
                shutil.copyfile(source.file(name), draft.path / name)
        shelf("quantizers").build(spec.quantizer)(source.file("model.onnx"), draft.path / "model.onnx")
        draft.facts |= source.facts | {"precision": "int8", "instruction_sets": instruction_sets()}
        after = predict_split(open_scorer(draft.seal()), task, dev, log, "int8 on dev")
        draft.facts["gate"] = _gate(spec, task.primary, before, after, log)
    return open_bundle(out)


def _gate(spec: Spec, metric: str, before: Predictions, after: Predictions, log: Journal) -> dict[str, Any]:
    drop = metric_value(metric, before) - metric_value(metric, after)
    agreement = float((before.answers == after.answers).mean())
    passed = drop <= spec.max_drop and agreement >= spec.min_agreement
    measured = (
        f"dev {metric} drops by {100 * drop:.2f} points (at most {100 * spec.max_drop:g}), "
        f"{100 * agreement:.1f} % of answers agree (at least {100 * spec.min_agreement:g})"
    )
    if not passed and not spec.force:
        raise GateError(f"quantize: {measured}; nothing was written. Overrule with --force, or loosen the limits")
    (log.say if passed else log.warn)(f"int8: {measured}{'' if passed else '; forced'}")
    return {
        "metric": metric,
        "drop": drop,
        "max_drop": spec.max_drop,
        "agreement": agreement,
        "min_agreement": spec.min_agreement,
        "n": len(before),
        "passed": passed,
    }

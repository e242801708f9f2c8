"""Draw up what was measured: one HTML page, the measurements of evaluation and benchmark together, and CSV.

Models that were trained on raw text have neither: their page shows how losses and scores on documents held out went.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from limbeck.core import spec as core
from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import write_text
from limbeck.core.journal import Journal
from limbeck.core.measurement import write_measurements
from limbeck.page.findings import Findings
from limbeck.text.examples import read_examples


class Spec(core.Spec):
    """What the page shows."""

    examples: int = Field(20, ge=0, le=200)
    """How many of the examples that a model lost against the baseline are shown."""
    classes: int = Field(20, ge=2, le=40)
    """How many classes are shown, those with most errors first chosen; CSV has all."""


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Draw up the report.

    Args:
        spec: What it shows.
        inputs: `data`, the models by role, `evaluation`, and `benchmark` if there is one. Without data and evaluation,
            models that were trained on raw text, and perhaps the `corpus` and the `teacher`.
        out: Where the Bundle goes.
        log: Where progress is told.

    Returns:
        A Bundle with `report.html`, `measurements.json`; of a task also with `predictions.csv` and, but for values,
        `classes.csv`.

    Raises:
        BundleError: There is no evaluation, or it is of other data; or there is no model trained on raw text, or only
            one trained on another.
    """
    draw = _of_task if inputs.keys() & {"data", "evaluation"} else _of_text
    with create_bundle(out, "report", spec, inputs) as draft:
        draft.facts |= draw(spec, inputs, draft.path)
    made = open_bundle(out)
    log.record("report", bytes=made.file("report.html").stat().st_size)
    return made


def _of_task(spec: Spec, inputs: Mapping[str, Bundle], folder: Path) -> dict[str, Any]:
    from limbeck.page.classes import scored_classes
    from limbeck.page.export import class_rows, prediction_rows, write_csv
    from limbeck.page.page import render_page

    findings = Findings.of(inputs)
    _check_models(inputs)
    examples = read_examples(_evaluated_data(inputs), findings.facts["split"], labelled=True)
    page = render_page(findings, inputs, examples, most_examples=spec.examples, most_classes=spec.classes)
    write_text(folder / "report.html", page)
    write_measurements(folder / "measurements.json", findings.measurements)
    write_csv(folder / "predictions.csv", prediction_rows(findings, examples))
    if (classes := scored_classes(findings)).names:
        write_csv(folder / "classes.csv", class_rows(classes))
    return {"headline": findings.headline(findings.roles[-1])}


def _of_text(spec: Spec, inputs: Mapping[str, Bundle], folder: Path) -> dict[str, Any]:
    from limbeck.page.learnt import Learnt
    from limbeck.page.page import render_text_page

    learnt = Learnt.of(inputs)
    write_text(folder / "report.html", render_text_page(learnt))
    write_measurements(folder / "measurements.json", learnt.measurements)
    return {"headline": learnt.headline()}


def _check_models(inputs: Mapping[str, Bundle]) -> None:
    """Refuse models beside numbers of others, as after a run that was stopped before it measured its new ones."""
    for source in ("evaluation", "benchmark"):
        measured = inputs[source].manifest["parents"] if source in inputs else {}
        for role in measured.keys() & inputs.keys() - {"data"}:
            if measured[role]["digest"] != inputs[role].digest:
                raise BundleError(
                    f"report.from.{role}: {inputs[role].path} is not the {role} that {inputs[source].path} was "
                    "measured on; give that one, or run the steps after it again"
                )


def _evaluated_data(inputs: Mapping[str, Bundle]) -> Bundle:
    """The data, which must be what the models were evaluated on."""
    parent = inputs["evaluation"].manifest["parents"].get("data", {})
    if "data" not in inputs or parent.get("digest") != inputs["data"].digest:
        place = inputs["data"].path if "data" in inputs else "nothing"
        raise BundleError(
            f"report.from.data: {place} is not the data that {inputs['evaluation'].path} was measured on; give that one"
        )
    return inputs["data"]

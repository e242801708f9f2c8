"""Package what is shipped: the model's files, its measurements, and a model card that says what it is worth."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from limbeck.core import spec as core
from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import write_text
from limbeck.core.journal import Journal
from limbeck.core.measurement import write_measurements
from limbeck.page.findings import Findings

NUMBERS = "measurements.json"


class Spec(core.Spec):
    """Packaging has no fields: everything in the card was measured or recorded before."""


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Package a model.

    Args:
        spec: Nothing.
        inputs: `model`, the `evaluation` that measured it, and `benchmark` if there is one.
        out: Where to put the Bundle.
        log: Where progress is told.

    Returns:
        A Bundle with the files and facts of the model, `README.md` and `measurements.json`.

    Raises:
        BundleError: The model is damaged, or the evaluation is of other models.
    """
    from limbeck.page.card import CARD, render_card

    model, findings = inputs["model"].verify(), Findings.of(inputs)
    role = findings.role_of(model)
    if role is None:
        raise BundleError(
            f"{findings.evaluation.path}: measured {', '.join(findings.roles)}, none of which is {model.path}; "
            f"run `limbeck evaluate` with this model among the others"
        )
    card = render_card(findings, model, role)
    with create_bundle(out, "package", spec, inputs) as draft:
        for name in model.files():
            if name not in (CARD, NUMBERS):
                target = draft.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(model.file(name), target)
        write_text(draft.path / CARD, card)
        write_measurements(draft.path / NUMBERS, findings.measurements)
        draft.facts |= model.facts | {"role": role, "headline": findings.headline(role)}
    log.record("package", role=role, files=len(model.files()))
    return open_bundle(out)

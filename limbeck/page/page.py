"""The report page: one HTML file that needs no network, in which text from data can never become markup."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement
from limbeck.core.predictions import Array
from limbeck.evidence.raw_text import meanings
from limbeck.evidence.table import across, metric_name, score_text
from limbeck.page import plots
from limbeck.page.classes import Classes, labels_of, scored_classes
from limbeck.page.figures import Figure, Key
from limbeck.page.findings import Findings, p_text
from limbeck.page.learnt import Learnt
from limbeck.page.lineage import corpus_told, corpus_warnings, origin, warned
from limbeck.page.losses import losses
from limbeck.page.templates import template
from limbeck.text.port import Example
from limbeck.text.statistics import confusion

_METRIC_UNITS = ("fraction", "coefficient", "nats", "unit", "unit²")


def render_page(
    findings: Findings,
    bundles: Mapping[str, Bundle],
    examples: Sequence[Example],
    *,
    most_examples: int,
    most_classes: int,
) -> str:
    """Render the report.

    Args:
        findings: What was measured.
        bundles: Role → every Bundle among the stage's inputs.
        examples: Those that were evaluated, in their order.
        most_examples: How many lost examples of each model are shown.
        most_classes: How many classes are shown.
    """
    data, learnt = bundles["data"], Learnt(bundles)
    return template("page.html.jinja").render(
        title=str(data.facts.get("name") or data.path.name),
        headline=findings.headline(findings.roles[-1]),
        roles=findings.roles,
        warned=warned({role: bundles[role] for role in (*findings.roles, *learnt.trained) if role in bundles}),
        keys=[Key(i, role) for i, role in enumerate(findings.roles)],
        table=across(findings.table()),
        metrics=_metrics(findings),
        trades=list(_trades(findings)),
        **_by_class(findings, most_classes),
        answer=findings.answer,
        estimates=list(_estimates(findings)),
        curves=list(_curves(findings)),
        training=list(_training(findings, bundles)),
        losses=losses(findings, examples, most_examples),
        tags=findings.tags,
        agreement=_agreement(findings),
        schooling=learnt.schoolings(),
        corpus=corpus_told(learnt.corpus) if learnt.trained else {},
        corpus_warnings=corpus_warnings(bundles),
        **origin(bundles, findings.roles),
        counts=data.facts.get("counts") or {},
        detected=data.facts.get("detected") or [],
        warnings=[line for of in (data, findings.evaluation) for line in of.facts.get("warnings") or []],
        split=findings.facts["split"],
        examples=findings.facts["n"],
        primary=metric_name(findings.primary),
        created=findings.evaluation.manifest["created"],
        version=findings.evaluation.manifest["versions"].get("limbeck", ""),
    )


def render_text_page(learnt: Learnt) -> str:
    """Render the report of models that were trained on raw text.

    Args:
        learnt: The models, and all that the report is given.
    """
    bundles, newest = learnt.bundles, learnt.newest
    return template("text.html.jinja").render(
        title=str(learnt.corpus.get("name") or newest.facts.get("name") or newest.path.name),
        headline=learnt.headline(),
        keys=[Key(i, role) for i, role in enumerate(learnt.roles)],
        table=across(learnt.table()),
        meanings=meanings(m.metric for m in learnt.measurements),
        warned=warned({role: bundles[role] for role in learnt.roles}),
        schooling=learnt.schoolings(),
        corpus=corpus_told(learnt.corpus),
        corpus_warnings=corpus_warnings(bundles),
        **origin(bundles, learnt.roles),
        created=newest.manifest["created"],
        version=newest.manifest["versions"].get("limbeck", ""),
    )


def _metrics(findings: Findings) -> list[tuple[str, list[str]]]:
    """Every metric of the task with its interval, by model."""
    first = findings.roles[0]
    names = [m.metric for m in findings.measurements if m.model == first and m.unit in _METRIC_UNITS and m.split]
    return [
        (metric_name(name), [_score(findings.find(role, name)) for role in findings.roles])
        for name in names
        if not name.startswith("agreement_with_")
    ]


def _score(m: Measurement | None) -> str:
    return "–" if m is None else score_text(m)


def _trades(findings: Findings) -> Iterator[Figure]:
    scores = _by_role(findings, findings.primary)
    axes = (("latency_p50", "latency p50, ms", 1.0), ("size_bytes", "size, MB", 1e-6))
    for metric, label, factor in axes:
        costs = {role: factor * m.value for role, m in _by_role(findings, metric).items()}
        if costs.keys() & scores.keys():
            what = metric_name(findings.primary)
            yield plots.trade(f"{what} against {label.partition(',')[0]}", label, costs, scores, findings.roles)


def _by_role(findings: Findings, metric: str) -> dict[str, Measurement]:
    return {role: m for role in findings.roles if (m := findings.find(role, metric))}


def _by_class(findings: Findings, limit: int) -> dict[str, Any]:
    """What is said class by class: nothing of values, and no confusion where several labels may hold."""
    classes, labels = scored_classes(findings), labels_of(findings) if findings.answer == "class" else None
    shown = classes.most_confused(limit) if classes.names else np.zeros(0, dtype=int)
    return {
        "class_noun": classes.noun,
        "class_choice": classes.choice(limit),
        "class_figure": _class_figure(classes, shown) if classes.names else None,
        "class_rows": [_class_row(classes, int(i)) for i in shown],
        "label_choice": labels.choice(limit) if labels else "",
        "confusions": list(_confusions(findings, labels, limit)) if labels else [],
    }


def _confusions(findings: Findings, labels: Classes, limit: int) -> Iterator[Figure]:
    shown = labels.most_confused(limit)
    names = [labels.names[i] for i in shown]
    for number, (role, predictions) in enumerate(findings.predictions.items()):
        yield plots.confusion_matrix(role, number, confusion(predictions)[shown][:, shown], names)


def _estimates(findings: Findings) -> Iterator[Figure]:
    if findings.answer == "value":
        for number, (role, predictions) in enumerate(findings.predictions.items()):
            yield plots.estimates(role, number, predictions)


def _class_figure(classes: Classes, shown: Array) -> Figure:
    scores = {role: counts.f1[shown] for role, counts in classes.counts.items()}
    return plots.class_scores(scores, [classes.names[i] for i in shown])


def _class_row(classes: Classes, index: int) -> tuple[str, int, list[list[str]]]:
    """Name, true cases, and precision, recall, F1 in percent by model."""
    counts = list(classes.counts.values())
    scores = [[f"{100 * x[index]:.1f}" for x in (c.precision, c.recall, c.f1)] for c in counts]
    return classes.names[index], int(counts[0].truths[index]), scores


def _curves(findings: Findings) -> Iterator[Figure]:
    if findings.answer != "class":
        return
    if len(findings.facts["labels"]) == 2 and not findings.tags and _by_role(findings, "roc_auc"):
        yield plots.roc(findings.predictions, _by_role(findings, "roc_auc"))
    yield plots.calibration(findings.predictions, _by_role(findings, "ece"))


def _training(findings: Findings, bundles: Mapping[str, Bundle]) -> Iterator[Figure]:
    own = {role: bundles[role].facts.get("history") or [] for role in findings.roles if role in bundles}
    history = {role: records for role, records in own.items() if records and "precision" not in bundles[role].facts}
    for role, records in history.items():
        yield plots.loss_curves(role, records)
    unit = next((m.unit for m in findings.measurements if m.metric == findings.primary), "fraction")
    if dev := plots.dev_curves(history, findings.primary, unit, findings.roles):
        yield dev


def _agreement(findings: Findings) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each model its agreement with each model before it, and McNemar's p where answers are right or wrong."""
    return [
        (role, [_pair(findings, role, other) for other in findings.roles[:place]])
        for place, role in enumerate(findings.roles)
        if place
    ]


def _pair(findings: Findings, role: str, other: str) -> tuple[str, str]:
    p = findings.find(role, f"mcnemar_p_against_{other}")
    return _score(findings.find(role, f"agreement_with_{other}")), p_text(p.value) if p else ""

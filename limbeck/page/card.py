"""The model card: a `README.md` with Hugging Face metadata that says in short what the report says."""

from collections.abc import Mapping
from typing import Any

import yaml

from limbeck.core.bundle import Bundle
from limbeck.evidence.table import metric_name, parameters_text, rows
from limbeck.page.findings import Findings
from limbeck.page.lineage import SHORT, checks, warned
from limbeck.page.templates import one_line, template
from limbeck.text.statistics import entity_types

CARD = "README.md"
"""By the name that the Hugging Face Hub gives it."""
_SHOWN_LABELS = 20
_PIPELINES = {"token_classification": "token-classification"}
"""What the Hub calls the pipeline of a task; all others classify texts, regressions too."""
_HUB_METRICS = {"entity_f1": "f1", "entity_precision": "precision", "entity_recall": "recall"}
_HUB_METRICS |= {"macro_f1": "f1", "micro_f1": "f1", "pearson": "pearsonr", "spearman": "spearmanr"}
"""What the Hub calls a metric, where that differs."""


def render_card(findings: Findings, model: Bundle, role: str) -> str:
    """Render the card.

    Args:
        findings: What was measured.
        model: The Bundle that is shipped.
        role: The role under which it was evaluated.
    """
    facts = findings.facts
    data = facts.get("data") or {}
    labels = entity_types(model.labels) if findings.tags else model.labels
    name = title(findings, model)
    text = template("card.md.jinja").render(
        title=name,
        headline=" ".join(findings.headline(role)),
        task=str(facts["task"]["kind"]).replace("_", " "),
        labels=labels[:_SHOWN_LABELS],
        more_labels=max(0, len(labels) - _SHOWN_LABELS),
        max_length=model.facts.get("max_length", ""),
        shape=shape(model.facts),
        table=rows(findings.measurements, findings.roles, findings.primary),
        examples=f"{facts['n']:,}",
        split=facts["split"],
        primary=metric_name(findings.primary),
        counts={k: f"{v:,}" for k, v in (data.get("counts") or {}).items() if v},
        data_name=str(data.get("name") or ""),
        checks=list(checks(model)),
        warnings=[line for _, line in warned({role: model})],
        parents=[(r, p["stage"], p["digest"][:SHORT]) for r, p in model.manifest["parents"].items()],
        instruction_sets=list(model.facts.get("instruction_sets") or []),
        tags=findings.tags,
        answer=findings.answer,
        versions={k: v for k, v in model.manifest["versions"].items() if k in ("limbeck", "onnxruntime", "tokenizers")},
    )
    front = yaml.safe_dump(metadata(findings, role, name), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n\n{text}"


def metadata(findings: Findings, role: str, name: str) -> dict[str, Any]:
    """What the Hub reads: library, pipeline, tags, and the measured results."""
    kind = str(findings.facts["task"]["kind"])
    pipeline = _PIPELINES.get(kind, "text-classification")
    data = one_line(str((findings.facts.get("data") or {}).get("name") or "own data"))
    shown = [m for m in findings.measurements if m.model == role and m.metric in _reported(findings)]
    results = {
        "task": {"type": pipeline},
        "dataset": {"name": data, "type": data, "split": findings.facts["split"]},
        "metrics": [
            {"type": _HUB_METRICS.get(m.metric, m.metric), "name": metric_name(m.metric), "value": round(m.value, 6)}
            for m in shown
        ],
    }
    return {
        "library_name": "onnx",
        "pipeline_tag": pipeline,
        "tags": ["limbeck", "bert", "distillation", "int8", "onnx"],
        "metrics": list(dict.fromkeys(_HUB_METRICS.get(m.metric, m.metric) for m in shown)),
        "model-index": [{"name": one_line(name), "results": [results]}],
    }


def _reported(findings: Findings) -> tuple[str, ...]:
    return (
        findings.primary,
        *(name for name in ("accuracy", "macro_f1", "mcc", "spearman") if name != findings.primary),
    )


def title(findings: Findings, model: Bundle) -> str:
    """What the card calls the model: its data, task and shape."""
    data = (findings.facts.get("data") or {}).get("name") or "A small BERT"
    return f"{data}: {str(findings.facts['task']['kind']).replace('_', ' ')}, {shape(model.facts)}"


def shape(facts: Mapping[str, Any]) -> str:
    """Layers, width, parameters and precision of a model, as far as its facts tell them."""
    dims: Mapping[str, Any] = facts.get("dims") or {}
    parts = (
        [f"{dims['layers']} × {dims['hidden']}", f"{parameters_text(dims['parameters'])} parameters"] if dims else []
    )
    return ", ".join([*parts, *([str(facts["precision"])] if "precision" in facts else [])])

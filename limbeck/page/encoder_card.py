"""The card of a model that was trained on raw text: what it is, on how much text it was trained, how to fine-tune it.

It tells no times: equal trainings have equal cards.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from limbeck.core.bundle import Draft, library_versions
from limbeck.core.files import read_json, write_text
from limbeck.core.measurement import Measurement
from limbeck.evidence.raw_text import LOSS, SHARES, answers, meanings, scores
from limbeck.evidence.table import metric_name, score_text
from limbeck.page.card import CARD, shape
from limbeck.page.lineage import SHORT, corpus_told
from limbeck.page.templates import one_line, template

_LIBRARIES = ("limbeck", "torch", "transformers", "tokenizers")


def write_encoder_card(draft: Draft, teacher: str = "") -> None:
    """Write the card into a Bundle that is about to be sealed, whose model and facts are there.

    Args:
        draft: The Bundle.
        teacher: What the model that it was distilled from is called, if it was: of a directory its name alone is told.
    """
    teacher = teacher if teacher.startswith("hf:") else Path(teacher).name
    facts, origin = draft.facts, draft.origin
    config = read_json(draft.path / "config.json")
    family, fills = str(config["model_type"]), _fills(config)
    measured = {m.metric: m for m in scores("model", facts)}
    dims: Mapping[str, Any] = facts.get("dims") or {}
    name = f"{facts['corpus'].get('name') or 'Raw text'}: {family}, {shape(facts)}"
    text = template("encoder_card.md.jinja").render(
        title=name,
        headline=answers("model", facts),
        family=family,
        layers=dims.get("layers"),
        hidden=dims.get("hidden"),
        distilled=bool(teacher),
        scores=[(metric_name(one), score_text(measured[one])) for one in (*SHARES, LOSS) if one in measured],
        meanings=meanings(measured),
        fills=fills,
        corpus=corpus_told(facts["corpus"]),
        teacher=teacher,
        asked=list(facts.get("pretexts") or []),
        phases=list(_phases(origin["step"], facts["history"])) if facts["history"] else [],
        warnings=[str(line) for line in facts.get("warnings") or []],
        max_length=facts["max_length"],
        parents=[(role, parent["stage"], parent["digest"][:SHORT]) for role, parent in origin["parents"].items()],
        versions={k: v for k, v in library_versions().items() if k in _LIBRARIES},
    )
    told = _metadata(one_line(name), one_line(str(facts["corpus"].get("name") or "raw text")), fills, teacher, measured)
    front = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000)
    write_text(draft.path / CARD, f"---\n{front}---\n\n{text}")


def _fills(config: Mapping[str, Any]) -> bool:
    """Whether stock classes find a head for hidden words in it; ELECTRA's for replaced ones is none."""
    kept = str((config.get("architectures") or [""])[0])
    return kept.endswith("ForMaskedLM") or (kept.endswith("ForPreTraining") and config["model_type"] != "electra")


def _phases(step: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each phase of the training in a line."""
    rates = {record["phase"]: record["learning_rate"] for record in history}.values()
    for number, (phase, rate) in enumerate(zip(step["phases"], rates, strict=True), start=1):
        length = phase.get("max_length") or step.get("max_length")
        of = f" of up to {length} tokens" if length else ""
        name = f"{number} {phase['name']}".rstrip()
        kinds = ", ".join(str(one["kind"]) for one in phase.get("objectives", ()))
        made = f"{phase['steps']:,} steps of {phase['batch_size']} texts{of}, rate {rate:g}"
        yield f"phase {name}: {made}{': ' * bool(kinds)}{kinds}"


def _metadata(name: str, corpus: str, fills: bool, teacher: str, measured: Mapping[str, Measurement]) -> dict[str, Any]:
    """What the Hub reads."""
    pipeline = "fill-mask" if fills else "feature-extraction"
    shares = [measured[name] for name in SHARES if name in measured]
    metrics = [{"type": m.metric, "name": metric_name(m.metric), "value": round(m.value, 6)} for m in shares]
    results = {
        "task": {"type": pipeline},
        "dataset": {"name": corpus, "type": corpus, "split": "dev"},
        "metrics": metrics,
    }
    return {
        "library_name": "transformers",
        "pipeline_tag": pipeline,
        "tags": ["limbeck", "bert", "distillation" if teacher else "pretraining"],
        **({"model-index": [{"name": name, "results": [results]}]} if metrics else {}),
    }

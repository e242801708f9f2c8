"""Where the models came from: which Bundle was made of which, by which recipe, with which libraries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from limbeck.core.bundle import Bundle
from limbeck.evidence.comparison import agreement_text
from limbeck.evidence.table import metric_name

SHORT = 12
"""Characters of a digest that are shown."""


@dataclass(frozen=True)
class Origin:
    """A Bundle and its parents, as `(role, stage, digest)`."""

    role: str
    stage: str
    digest: str
    created: str
    parents: tuple[tuple[str, str, str], ...]


def lineage(bundles: Mapping[str, Bundle]) -> list[Origin]:
    """Each Bundle with what it was made of."""
    return [
        Origin(
            role,
            bundle.stage,
            bundle.digest[:SHORT],
            str(bundle.manifest["created"]),
            tuple((r, p["stage"], p["digest"][:SHORT]) for r, p in bundle.manifest["parents"].items()),
        )
        for role, bundle in bundles.items()
    ]


def recipe_text(bundles: Mapping[str, Bundle]) -> str:
    """The steps that made these Bundles, with every field, as YAML."""
    steps = [
        {
            "stage": bundle.stage,
            "out": bundle.path.name,
            **({"from": sources} if (sources := _sources(bundle)) else {}),
            **bundle.manifest["step"],
        }
        for bundle in bundles.values()
    ]
    text: str = yaml.safe_dump({"steps": steps}, sort_keys=False, allow_unicode=True, width=100)
    return text


def _sources(bundle: Bundle) -> dict[str, str]:
    return {role: str(parent["name"]) for role, parent in bundle.manifest["parents"].items()}


def warned(bundles: Mapping[str, Bundle]) -> list[tuple[str, str]]:
    """What the making of each Bundle warned of, by role; a model made from another one has its warnings too, once."""
    first: dict[str, str] = {}
    for role, bundle in bundles.items():
        for line in bundle.facts.get("warnings") or []:
            first.setdefault(str(line), role)
    return [(role, line) for line, role in first.items()]


def checks(model: Bundle) -> Iterator[str]:
    """What the gates of export and quantisation found, in sentences."""
    if parity := model.facts.get("parity"):
        difference, shapes = parity["max_difference"], parity["shapes"]
        yield f"ONNX against PyTorch: logits differ by at most {difference:.1g} over {shapes} shapes."
    if gate := model.facts.get("gate"):
        alike = agreement_text(gate.get("answer", "class"), gate["agreement"])
        change = "is undefined" if gate["drop"] is None else f"falls by {100 * gate['drop']:.2f} points"
        name = metric_name(str(gate["metric"]))
        yield f"int8 against its parent on {gate['n']:,} dev examples: {name} {change}, {alike}."


def origin(bundles: Mapping[str, Bundle], roles: Iterable[str]) -> dict[str, Any]:
    """What `origin.html.jinja` shows: checks of the models in these roles, lineage, environment and recipe of all."""
    return {
        "checks": [(role, line) for role in roles if role in bundles for line in checks(bundles[role])],
        "lineage": lineage(bundles),
        "environment": environment(bundles),
        "recipe": recipe_text(bundles),
    }


def corpus_told(facts: Mapping[str, Any]) -> dict[str, str]:
    """What is known of a corpus, by name, for people; of a model's facts less than of the corpus' own."""
    counts = {name: f"{facts[name]:,}" for name in ("documents", "sentences", "tokens", "lines") if name in facts}
    for name in ("documents", "tokens"):
        if name in counts and f"dev_{name}" in facts:
            counts[name] += f"; held out besides: {facts[f'dev_{name}']:,}"
    if "lines" in counts:
        counts["lines"] += f"; {facts['broken_lines']:,} broken and left out, {facts['cut_lines']:,} too long and cut"
    if "mean_sentence_tokens" in facts:
        counts["a sentence"] = f"{facts['mean_sentence_tokens']} tokens in the mean"
    if "vocabulary" in facts:
        unknown = f"; {100 * facts['unknown_fraction']:.2g} % are unknown to it" if "unknown_fraction" in facts else ""
        counts["vocabulary"] = f"{facts['vocabulary']:,} tokens{unknown}"
    return counts


def corpus_warnings(bundles: Mapping[str, Bundle]) -> list[str]:
    """What cutting the corpus warned of."""
    return [str(line) for line in (bundles["corpus"].facts.get("warnings") if "corpus" in bundles else None) or ()]


def environment(bundles: Mapping[str, Bundle]) -> dict[str, str]:
    """Versions, machines and threads; where Bundles differ, which has which."""
    seen: dict[str, dict[str, list[str]]] = {}
    for role, bundle in bundles.items():
        threads = (
            {"threads": bundle.manifest["step"]["threads"] or "all"} if "threads" in bundle.manifest["step"] else {}
        )
        for name, value in {**bundle.manifest["versions"], **bundle.manifest["machine"], **threads}.items():
            seen.setdefault(name, {}).setdefault(str(value), []).append(role)
    return {name: _told(values) for name, values in seen.items()}


def _told(values: Mapping[str, list[str]]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{value} ({', '.join(roles)})" for value, roles in values.items())

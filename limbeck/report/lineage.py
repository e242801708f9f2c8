"""Where the models came from: which Bundle was made of which, by which recipe, with which libraries."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from limbeck.core.bundle import Bundle

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


def environment(bundles: Mapping[str, Bundle]) -> dict[str, str]:
    """Versions and machines; where Bundles differ, which has which."""
    seen: dict[str, dict[str, list[str]]] = {}
    for role, bundle in bundles.items():
        machine = bundle.manifest["machine"]
        facts = {**bundle.manifest["versions"], **{name: str(value) for name, value in machine.items()}}
        for name, value in facts.items():
            seen.setdefault(name, {}).setdefault(value, []).append(role)
    return {name: _told(values) for name, values in seen.items()}


def _told(values: Mapping[str, list[str]]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{value} ({', '.join(roles)})" for value, roles in values.items())

"""`limbeck inspect`: is this Bundle whole, where does it come from, and what are its numbers."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limbeck.cli.screen import shown

if TYPE_CHECKING:
    from limbeck.core.bundle import Bundle

_RECIPE = "recipe.yaml"
_SHIPPED = "bundle"
_MEASUREMENTS = "measurements.json"


def inspect(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A Bundle, or the --out of `compress`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as one JSON object.")] = False,
) -> None:
    """Verify a Bundle, then tell its lineage and numbers.

    Every hash is checked; it leaves with 2 if anything is damaged.
    """
    from limbeck.core.bundle import is_bundle, open_bundle

    of_run = not is_bundle(path) and (path / _RECIPE).is_file()
    bundle = open_bundle(path / _SHIPPED if of_run else path).verify()
    if of_run:
        from limbeck.core.recipe import read_recipe

        for step in read_recipe(path / _RECIPE).steps:
            open_bundle(path / step.place).verify()
    if as_json:
        sys.stdout.write(json.dumps(_everything(bundle), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{name:<12} {shown(value)}\n" for name, value in _lines(bundle))


def _everything(bundle: "Bundle") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "path": str(bundle.path),
        "digest": bundle.digest,
        "size_bytes": _size_bytes(bundle),
        **bundle.manifest,
        "measurements": [asdict(m) for m in _measurements(bundle)],
    }


def _lines(bundle: "Bundle") -> Iterator[tuple[str, str]]:
    manifest, facts = bundle.manifest, bundle.facts
    yield "bundle", f"{bundle.path} · {bundle.stage} · {bundle.digest[:12]}"
    yield "files", f"{len(bundle.files())} files, {_size_bytes(bundle) / 1e6:.1f} MB, every hash is right"
    yield "made", f"{manifest['created']} on {_pairs(manifest['machine'])}"
    for role, parent in manifest["parents"].items():
        yield f"from {role}", _pairs(parent)
    if "task" in facts:
        yield "task", _value(facts["task"])
    if "labels" in facts:
        yield "labels", f"{len(bundle.labels)}: {', '.join(bundle.labels)}"
    for name in ("dims", "max_length", "precision", "instruction_sets", "parity", "gate"):
        if name in facts:
            yield name.replace("_", " ")[:11], _value(facts[name])
    yield "versions", _pairs(manifest["versions"])
    for m in _measurements(bundle):
        unit = "%" if m.unit == "fraction" else m.unit
        yield (
            m.model,
            f"{m.metric} {m.text(2)} {unit}{f' on {m.split}' if m.split else ''}{f' (n={m.n})' if m.n else ''}",
        )


def _measurements(bundle: "Bundle") -> list[Any]:
    from limbeck.core.measurement import read_measurements

    return read_measurements(bundle.file(_MEASUREMENTS)) if _MEASUREMENTS in bundle.files() else []


def _size_bytes(bundle: "Bundle") -> int:
    return sum(entry["size_bytes"] for entry in bundle.manifest["files"].values())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _pairs(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())

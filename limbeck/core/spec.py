"""Frozen, strict records for every field a user can set, and the one place where their errors become readable."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from limbeck.core.errors import RecipeError
from limbeck.core.record import Record

S = TypeVar("S", bound=BaseModel)


class Spec(BaseModel):
    """Base of every Spec: immutable, unknown fields refused, a docstring under each field is its documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )

    @property
    def kind(self) -> str:
        """The shelf key: the name of the file that defines this Spec."""
        return type(self).__module__.rpartition(".")[2]


class Weighted(Spec):
    """A Spec of something that is summed with its siblings."""

    weight: float = Field(1.0, ge=0.0)
    """Factor of this term in the sum; 0 leaves it out."""


@dataclass(frozen=True)
class FieldDoc:
    """One documented field, as `limbeck shelf` prints it."""

    name: str
    type: str
    default: str
    allowed: str
    meaning: str


def parse(spec: type[S], fields: Mapping[str, Any], where: str) -> S:
    """Build `spec` from plain values.

    Args:
        spec: The class to build.
        fields: Field names and values as YAML gave them.
        where: Dotted place named in front of each error, as `distil.objectives[0]`.

    Raises:
        RecipeError: A value is missing, unknown or out of range; every fault is listed with its place.
    """
    try:
        return spec.model_validate(dict(fields))
    except ValidationError as error:
        lines = [_explain(spec, fault, where) for fault in error.errors(include_url=False)]
        raise RecipeError("\n".join(dict.fromkeys(lines))) from None


def _explain(spec: type[BaseModel], fault: Any, where: str) -> str:
    parts = list(fault["loc"])
    place = where + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
    if fault["type"] == "extra_forbidden":
        names = list(spec.model_fields) if len(parts) == 1 else []
        near = difflib.get_close_matches(str(parts[-1]), names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        there = f" The fields are {', '.join(names)}." if names else ""
        return f"{place}: no such field{hint or '.'}{there}"
    if fault["type"] in ("tuple_type", "too_short"):
        return f"{place}: a list of at least one is needed (found {fault['input']!r})"
    if fault["type"] == "missing":
        return f"{place}: this field must be given"
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith("."):  # faults of a Spec inside, which knows their places in itself alone
        return "\n".join(place + line for line in message.splitlines())
    return f"{place}: {message} (found {fault['input']!r})"


def describe(spec: type[BaseModel | Record], inside: str = "") -> list[FieldDoc]:
    """The documentation of each field, read from the class itself; of fields that hold records, their fields too."""
    if issubclass(spec, Record):
        return _describe_record(spec)
    found = []
    for name, field in spec.model_fields.items():
        found.append(_describe(inside + name, field))
        if record := _record_in(field.annotation):
            found += describe(record, f"{inside}{name}[].")
    return found


def _describe(name: str, field: Any) -> FieldDoc:
    default = "required"
    if not field.is_required():
        default = json.dumps(_plain(field.get_default(call_default_factory=True)), default=str, ensure_ascii=False)
    choices = [a for a in get_args(field.annotation) if isinstance(a, str)]
    bounds = [
        f"{sign} {getattr(m, attr)}"
        for m in field.metadata
        for attr, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if hasattr(m, attr)
    ]
    kind = "choice" if choices else _type_name(field.annotation)
    return FieldDoc(name, kind, default, ", ".join(choices or bounds), field.description or "")


def _describe_record(record: type[Record]) -> list[FieldDoc]:
    fields = TypeAdapter(record).json_schema().get("properties", {})
    return [
        FieldDoc(
            name,
            "choice" if "enum" in field else "str",
            json.dumps(field["default"], ensure_ascii=False),
            ", ".join(field.get("enum", ())),
            field.get("description", ""),
        )
        for name, field in fields.items()
    ]


def _plain(value: Any) -> Any:
    """A default as YAML would hold it, in short: of records only what differs from their own defaults."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if not isinstance(value, BaseModel):
        return value
    own = {name: _plain(getattr(value, name)) for name in sorted(value.model_fields_set)}
    return {"kind": value.kind, **own} if type(value).__name__ == "Spec" and isinstance(value, Spec) else own


def _record_in(annotation: Any) -> type[BaseModel] | None:
    """The record that a list holds, unless it is an algorithm of a shelf, which is documented there."""
    kinds = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
    return kinds[0] if kinds else None


def _type_name(annotation: Any) -> str:
    parts = [a for a in get_args(annotation) if a not in (Ellipsis, type(None))]
    if annotation in (Spec, Weighted):
        return "algorithm"
    if not parts:
        return getattr(annotation, "__name__", str(annotation))
    return (
        f"list of {_type_name(parts[0])}" if getattr(annotation, "__origin__", None) is tuple else _type_name(parts[0])
    )

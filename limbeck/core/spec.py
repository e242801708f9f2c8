"""Frozen, strict records for every field a user can set, and the one place where their errors become readable."""

import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args

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


def incidental(default: Any, **limits: Any) -> Any:
    """A field on which no result depends: another value makes no step run again."""
    return Field(default, json_schema_extra={"incidental": True}, **limits)


def essence(spec: Spec) -> dict[str, Any]:
    """A Spec's fields in plain values, without those on which no result depends."""
    left_out = {n for n, field in type(spec).model_fields.items() if field.json_schema_extra == {"incidental": True}}
    return spec.model_dump(mode="json", exclude=left_out)


@dataclass(frozen=True)
class Read:
    """Marks a field whose values a function reads: the second part of its `Annotated` type.

    Attributes:
        read: Turns what YAML gave, or a value read before, into the value; raises RecipeError.
        plain: Turns the value into what YAML holds.
        type: What `limbeck shelf` calls such values.
        allowed: Which of them are allowed.
    """

    read: Callable[[Any], Any]
    plain: Callable[[Any], Any]
    type: str
    allowed: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def check(value: Any) -> Any:
            try:
                return self.read(value)
            except RecipeError as error:
                raise ValueError(str(error)) from None

        return core_schema.no_info_plain_validator_function(
            check, serialization=core_schema.plain_serializer_function_ser_schema(self.plain)
        )


class Ramp(Spec):
    """A number that goes from one value to another in the course of a phase, and stays there."""

    start: float = Field(alias="from")
    """Value at the beginning of the phase."""
    to: float
    """Value at the end of the ramp, and from there on."""
    shape: Literal["linear", "cosine", "constant"] = "linear"
    """How it goes: in a straight line; along half a cosine wave; or by a jump, constant until the ramp's end."""
    over: float = Field(1.0, gt=0.0, le=1.0)
    """Part of the phase that the ramp takes, 0 < over ≤ 1."""

    model_config = ConfigDict(populate_by_name=True)

    def at(self, progress: float) -> float:
        """The value where `progress`, 0 to 1, of the phase is done.

        >>> [Ramp(start=1.0, to=3.0, over=0.5).at(progress) for progress in (0.0, 0.25, 0.5, 1.0)]
        [1.0, 2.0, 3.0, 3.0]
        >>> round(Ramp(start=0.0, to=1.0, shape="cosine").at(0.25), 4)  # (1 − cos(π / 4)) / 2
        0.1464
        """
        done = min(progress / self.over, 1.0)
        climbed = {"linear": done, "cosine": (1 - math.cos(math.pi * done)) / 2, "constant": float(done == 1.0)}
        return self.start + (self.to - self.start) * climbed[self.shape]


def value_at(number: float | Ramp, progress: float) -> float:
    """A number where `progress`, 0 to 1, of its phase is done.

    >>> value_at(0.5, 0.9), value_at(Ramp(start=1.0, to=0.0), 0.5)
    (0.5, 0.5)
    """
    return number.at(progress) if isinstance(number, Ramp) else number


def ramps(spec: Spec) -> bool:
    """Whether a field of a Spec changes in the course of a phase."""
    return any(isinstance(value, Ramp) for _, value in spec)


def changing(*, ge: float = -math.inf, gt: float = -math.inf) -> Read:
    """What makes a field a number or a ramp, whose values are finite, at least `ge` and above `gt`."""
    allowed = f"> {gt:g}" if gt > ge else f"≥ {ge:g}"

    def read(value: Any) -> float | Ramp:
        found = parse(Ramp, value, "") if isinstance(value, Mapping) else value
        if isinstance(found, bool) or not isinstance(found, int | float | Ramp):
            raise RecipeError("give a number, or {from: 1, to: 0} for one that changes during the phase")
        ends = (found.start, found.to) if isinstance(found, Ramp) else (float(found),)
        if not all(math.isfinite(end) and end >= ge and end > gt for end in ends):
            raise RecipeError(f"give a finite number {allowed}, for a ramp at both its ends")
        return found if isinstance(found, Ramp) else ends[0]

    def plain(value: float | Ramp) -> Any:
        return value.model_dump(mode="json", by_alias=True) if isinstance(value, Ramp) else value

    return Read(read, plain, "float or ramp", allowed)


class Weighted(Spec):
    """A Spec of something that is summed with its siblings."""

    weight: Annotated[float | Ramp, changing(ge=0.0)] = 1.0
    """Factor of this term in the sum; 0 leaves it out. One that changes during its phase is written `{from: 1, to: 0}`,
    with `shape: linear`, `cosine` or `constant` (a jump) and `over: 0.5`, the part of the phase until `to`."""


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
        faults = error.errors(include_url=False)
        # Of a list whose items are wrong, the library also tells that it has none.
        lines = [_explain(spec, fault, where) for fault in faults if not _follows(fault, faults)]
        raise RecipeError("\n".join(dict.fromkeys(lines))) from None


def _explain(spec: type[BaseModel], fault: Any, where: str) -> str:
    parts = list(fault["loc"])
    place = where + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
    if fault["type"] == "extra_forbidden":
        return f"{place}: no such field{_meant(_home(spec, parts), str(parts[-1]))}"
    if fault["type"] in ("tuple_type", "too_short"):
        return f"{place}: a list of at least one is needed (found {fault['input']!r})"
    if fault["type"] == "missing":
        return f"{place}: this field must be given"
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith("."):  # faults of a Spec inside, which knows their places in itself alone
        return "\n".join(place + line for line in message.splitlines())
    found = f" (found {fault['input']!r})" if parts else ""  # of a fault of the whole, the message tells what matters
    return f"{place}: {message}{found}"


def _follows(fault: Any, faults: Sequence[Any]) -> bool:
    """Whether a list is too short for its items' faults alone."""
    place = fault["loc"]
    return fault["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in faults
    )


def _home(spec: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel] | None:
    """The class whose field a place names, where records lie in lists of records; None where it cannot be told."""
    home: type[BaseModel] | None = spec
    for part in place[:-1]:
        if home is not None and isinstance(part, str):
            field = home.model_fields.get(part)
            home = _record_in(field.annotation) if field else None
    return home


def _meant(home: type[BaseModel] | None, wrong: str) -> str:
    """What may have been meant by a field that there is not, and which there are."""
    if home is None:
        return "."
    known = {
        name: f"{outer}[0].{name}"
        for outer, field in home.model_fields.items()
        if not _reader(field) and (record := _record_in(field.annotation))
        for name in _names(record)
    }
    known |= {name: name for name in _names(home)}
    near = [known[name] for name in difflib.get_close_matches(wrong, known, 1)]
    return f"{f'; did you mean {near[0]!r}?' if near else '.'} The fields are {', '.join(_names(home))}."


def _names(spec: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in spec.model_fields.items()]


def describe(spec: type[BaseModel | Record], inside: str = "") -> list[FieldDoc]:
    """The documentation of each field, read from the class itself; of fields that hold records, their fields too."""
    if issubclass(spec, Record):
        return _describe_record(spec)
    found = []
    for name, field in spec.model_fields.items():
        found.append(_describe(inside + name, field))
        if not _reader(field) and (record := _record_in(field.annotation)):
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
    kind, allowed = "choice" if choices else _type_name(field.annotation), ", ".join(choices or bounds)
    if reader := _reader(field):
        kind, allowed = reader.type, reader.allowed
    return FieldDoc(name, kind, default, allowed, field.description or "")


def _reader(field: Any) -> Read | None:
    return next((mark for mark in field.metadata if isinstance(mark, Read)), None)


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

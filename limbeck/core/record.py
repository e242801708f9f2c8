"""Plain records: what a Bundle's facts hold of an algorithm, read back with no library at all.

A Spec is what a user sets, and pydantic checks it; importing pydantic takes as long as a first answer. What was
detected in the data and only ever comes back from a Bundle is a Record: a frozen dataclass, checked by its annotations.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from limbeck.core.errors import RecipeError


class Record:
    """Base of the frozen dataclasses that stand for a Spec where a prediction needs them.

    Fields are texts or choices, each with a default and a docstring under it.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"use_attribute_docstrings": True}  # for the documentation

    @property
    def kind(self) -> str:
        """The shelf key: the name of the file that defines this Record."""
        return type(self).__module__.rpartition(".")[2]

    def plain(self) -> dict[str, Any]:
        """`{kind: …, …fields}`, as facts hold it."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in field_types(type(self))}}

    @classmethod
    def read(cls, fields: Mapping[str, Any], where: str) -> Self:
        """Build from plain values.

        Args:
            fields: Field names and values.
            where: Dotted place named in front of each error.

        Raises:
            RecipeError: A field is unknown or of another type; every fault is listed with its place.
        """
        types = field_types(cls)
        faults = [fault for name, value in fields.items() if (fault := _fault(types, name, value))]
        if faults:
            raise RecipeError("\n".join(f"{where}.{fault}" for fault in faults))
        return cls(**fields)


def field_types(record: type[Record]) -> dict[str, Any]:
    """Field name → its annotation, in order."""
    hints = get_type_hints(record)
    return {f.name: hints[f.name] for f in dataclasses.fields(record)}  # type: ignore[arg-type]


def _fault(types: Mapping[str, Any], name: str, value: Any) -> str:
    if name not in types:
        near = difflib.get_close_matches(str(name), types, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"{name}: no such field{hint} The fields are {', '.join(types)}."
    if get_origin(types[name]) is Literal:
        choices = get_args(types[name])
        return "" if value in choices else f"{name}: one of {', '.join(choices)} is expected (found {value!r})"
    return "" if isinstance(value, types[name]) else f"{name}: a text is expected (found {value!r})"

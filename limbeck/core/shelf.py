"""Shelves: folders where a file's name is the key of the algorithm in it. Nothing is registered anywhere."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from limbeck.core.errors import RecipeError, ShelfError
from limbeck.core.record import Record

if TYPE_CHECKING:  # what predicts must not wait for pydantic
    from limbeck.core.spec import Spec

SHELVES = (
    *("readers", "corpora", "tasks", "backbones", "objectives", "pretexts", "augmenters"),
    *("quantizers", "metrics"),
)
"""The plural nouns under `limbeck/` that hold algorithms."""

_SINGULARS = {"corpora": "corpus format"}


class Shelf:
    """One folder of algorithms.

    Args:
        name: A plural noun of `SHELVES`, or `stages`, which are found and documented in the same way.
    """

    def __init__(self, name: str) -> None:
        if name not in (*SHELVES, "stages"):
            raise ShelfError(f"no shelf {name!r}; the shelves are {', '.join(SHELVES)}")
        self.name = name
        self._folder = Path(__file__).parent.parent / name

    @property
    def singular(self) -> str:
        """`objectives` → `objective`."""
        return _SINGULARS.get(self.name, self.name.removesuffix("s"))

    def names(self) -> tuple[str, ...]:
        """The keys on the shelf, sorted, without importing anything."""
        return tuple(sorted(m.name for m in pkgutil.iter_modules([str(self._folder)]) if not m.name.startswith("_")))

    def load(self, name: str) -> ModuleType:
        """Import one algorithm's file.

        Raises:
            ShelfError: There is no such file (the names that exist are listed), or a library it needs is missing.
        """
        if name not in self.names():
            near = difflib.get_close_matches(name, self.names(), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ShelfError(f"no {self.singular} {name!r}{hint}; there are {', '.join(self.names())}")
        try:
            return importlib.import_module(f"limbeck.{self.name}.{name}")
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("limbeck"):
                raise
            raise missing_extra(error.name or "?", f"the {self.singular} {name!r}") from None

    def spec(self, name: str) -> Any:
        """The Spec class of one algorithm: a pydantic `Spec`, or a `Record` for a task."""
        return self.load(name).Spec

    def parse(self, fields: "Mapping[str, Any] | str | Spec", where: str) -> Any:
        """Turn `{kind: name, …fields}`, a bare name or a ready Spec into the algorithm's Spec."""
        if isinstance(fields, str):
            fields = {"kind": fields}
        if type(fields).__name__ == "Spec":
            return fields
        if not isinstance(fields, Mapping) or not isinstance(fields.get("kind"), str):
            raise RecipeError(f"{where}.kind: name one of {', '.join(self.names())} (found {fields!r})")
        try:
            spec = self.spec(fields["kind"])
        except ShelfError as error:
            raise RecipeError(f"{where}.kind: {error}") from None
        own = {k: v for k, v in fields.items() if k != "kind"}
        if issubclass(spec, Record):
            return spec.read(own, where)
        from limbeck.core.spec import parse

        return parse(spec, own, where)

    def build(self, spec: "Spec | Record", *args: Any, **kwargs: Any) -> Any:
        """Call `build` of the file that defines `spec`."""
        return self.load(spec.kind).build(spec, *args, **kwargs)


@cache
def shelf(name: str) -> Shelf:
    """The shelf of that name."""
    return Shelf(name)


class _OnShelf:
    """Marks a field as holding a Spec of one shelf: validated by it, dumped as `{kind: …, …fields}`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def dump(spec: "Spec") -> dict[str, Any]:
            return {"kind": spec.kind, **spec.model_dump(mode="json")}

        def check(value: Any) -> Any:
            try:
                return shelf(self.name).parse(value, "")
            except RecipeError as error:
                raise ValueError(str(error)) from None

        return core_schema.no_info_plain_validator_function(
            check, serialization=core_schema.plain_serializer_function_ser_schema(dump)
        )


def on_shelf(name: str) -> Any:
    """What makes a field name an algorithm: the second part of its `Annotated` type."""
    return _OnShelf(name)


def missing_extra(module: str, what: str) -> ShelfError:
    """The error for a library that `pip install limbeck` alone does not bring."""
    return ShelfError(f"{what} needs {module!r}, which is not installed: pip install 'limbeck[train]'")


def spec_classes(name: str) -> "Callable[[str], type[Spec]]":
    """A module `__getattr__` that gives `SoftTargets` for the Spec in `soft_targets.py`."""

    def lookup(attribute: str) -> "type[Spec]":
        for key in shelf(name).names():
            if key.title().replace("_", "") == attribute:
                found: type[Spec] = shelf(name).spec(key)
                return found
        raise AttributeError(attribute)

    return lookup

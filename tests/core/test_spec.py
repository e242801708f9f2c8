from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Spec, Weighted, describe, parse


class Inner(Spec):
    rate: float = Field(0.5, gt=0.0, le=1.0)
    """A rate."""


class Outer(Spec):
    layers: int = Field(ge=1)
    """How many layers."""
    pick: Literal["last", "uniform"] = "last"
    """Which ones."""
    parts: tuple[Inner, ...] = ()
    """What it consists of."""


def test_good_values_become_a_frozen_record():
    spec = parse(Outer, {"layers": 2, "parts": [{"rate": 0.25}]}, "step")
    assert spec == Outer(layers=2, parts=(Inner(rate=0.25),))
    with pytest.raises(ValidationError, match="frozen"):
        spec.layers = 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "distil.layers: this field must be given"),
        ({"layers": 0}, "distil.layers: Input should be greater than or equal to 1 (found 0)"),
        ({"layers": "two"}, "(found 'two')"),
        ({"layers": 1, "pick": "first"}, "distil.pick: Input should be 'last' or 'uniform' (found 'first')"),
        ({"layers": 1, "layer": 2}, "distil.layer: no such field; did you mean 'layers'? The fields are layers, pick"),
        ({"layers": 1, "zzz": 2}, "distil.zzz: no such field. The fields are layers, pick, parts"),
        ({"layers": 1, "parts": [{}, {"rate": 2.0}]}, "distil.parts[1].rate: Input should be less than or equal to 1"),
        ({"layers": 1, "parts": [{"rates": 1}]}, "distil.parts[0].rates: no such field"),
        ({"layers": 1, "parts": [{"rate": float("nan")}]}, "distil.parts[0].rate: "),
        ({"layers": 1, "parts": [{"rate": float("inf")}]}, "distil.parts[0].rate: "),
    ],
)
def test_an_error_says_where_what_and_what_is_allowed(fields, message):
    with pytest.raises(RecipeError) as caught:
        parse(Outer, fields, "distil")
    assert message in str(caught.value)


def test_every_fault_is_told_at_once():
    with pytest.raises(RecipeError) as caught:
        parse(Outer, {"layers": -1, "pick": "x", "more": 1}, "step")
    assert len(str(caught.value).splitlines()) == 3


def test_defaults_are_validated():
    class Wrong(Spec):
        rate: float = Field(-1.0, ge=0.0)
        """A rate."""

    with pytest.raises(ValidationError):
        Wrong()


def test_kind_is_the_file_that_defines_it():
    assert Outer(layers=1).kind == "test_spec"


def test_a_weight_is_never_negative():
    assert Weighted().weight == 1.0
    with pytest.raises(RecipeError, match=r"weight: give a finite number ≥ 0, .* \(found -0\.1\)"):
        parse(Weighted, {"weight": -0.1}, "objective")


def test_the_class_documents_itself():
    layers, pick, parts, rate = describe(Outer)
    assert (layers.name, layers.type, layers.default, layers.allowed) == ("layers", "int", "required", "≥ 1")
    assert layers.meaning == "How many layers."
    assert (pick.type, pick.default, pick.allowed) == ("choice", '"last"', "last, uniform")
    assert (parts.type, parts.default, parts.meaning) == ("list of Inner", "[]", "What it consists of.")
    assert (rate.name, rate.default, rate.allowed) == ("parts[].rate", "0.5", "> 0.0, ≤ 1.0")


def test_metadata_of_annotations_is_documented_too():
    class Share(Spec):
        part: Annotated[float, Field(lt=1.0)] = 0.5
        """A part."""

    assert describe(Share)[0].allowed == "< 1.0"

from typing import Annotated, Literal

import pytest
import yaml
from pydantic import Field, ValidationError

from limbeck.core.errors import RecipeError
from limbeck.core.spec import Ramp, Spec, Weighted, describe, parse, value_at


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
        (
            {"layers": 1, "parts": [{"rates": 1}]},
            "distil.parts[0].rates: no such field; did you mean 'rate'? The fields are",
        ),
        (
            {"layers": 1, "rates": 1},
            "distil.rates: no such field; did you mean 'parts[0].rate'? The fields are layers, pick",
        ),
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


class Needing(Spec):
    parts: tuple[Inner, ...] = Field(min_length=1)
    """At least one."""


def test_a_wrong_item_of_a_list_is_told_once_and_an_empty_list_as_such():
    with pytest.raises(RecipeError) as caught:
        parse(Needing, {"parts": [{"rate": 2.0}]}, "step")
    (only,) = str(caught.value).splitlines()
    assert only.startswith("step.parts[0].rate: ")
    with pytest.raises(RecipeError, match=r"^step\.parts: a list of at least one is needed"):
        parse(Needing, {"parts": []}, "step")


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


@pytest.mark.parametrize(
    ("ramp", "values"),
    [
        ({"from": 2, "to": 0}, [2.0, 1.5, 1.0, 0.0]),
        ({"from": 0, "to": 1, "over": 0.5}, [0.0, 0.5, 1.0, 1.0]),
        ({"from": 0, "to": 1, "shape": "cosine"}, [0.0, 0.1464, 0.5, 1.0]),
        ({"from": 3, "to": 1, "shape": "constant", "over": 0.5}, [3.0, 3.0, 1.0, 1.0]),
    ],
)
def test_a_ramp_goes_from_one_value_to_another(ramp, values):
    weight = parse(Weighted, {"weight": ramp}, "objective").weight
    assert [value_at(weight, progress) for progress in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(values, abs=1e-4)


def test_a_ramp_survives_yaml_and_python():
    spec = Weighted(weight=Ramp(start=1, to=0))
    plain = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
    assert plain == {"weight": {"from": 1.0, "to": 0.0, "shape": "linear", "over": 1.0}}
    assert parse(Weighted, plain, "objective") == spec


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("heavy", "give a number, or {from: 1, to: 0}"),
        ([1, 0], "give a number"),
        (True, "give a number"),
        (float("nan"), "give a finite number ≥ 0"),
        ({"from": 1, "to": -1}, "give a finite number ≥ 0, for a ramp at both its ends"),
        ({"from": 1}, r"weight\.to: this field must be given"),
        ({"from": 1, "to": 0, "over": 0}, r"weight\.over: .*greater than 0"),
        ({"from": 1, "to": 0, "shape": "steps"}, r"weight\.shape: .*'cosine'"),
        (
            {"form": 1, "to": 0},
            r"weight\.form: no such field; did you mean 'from'\? The fields are from, to, shape, over",
        ),
    ],
)
def test_what_is_no_weight_is_refused_with_its_place(weight, message):
    with pytest.raises(RecipeError, match=rf"objective\.{message}|objective\.weight: {message}"):
        parse(Weighted, {"weight": weight}, "objective")


def test_a_number_that_may_change_is_documented_in_one_line():
    (weight,) = describe(Weighted)
    assert (weight.type, weight.default, weight.allowed) == ("float or ramp", "1.0", "≥ 0")

"""Every Spec on every shelf and in every stage keeps its promises."""

import typing

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from limbeck.core.errors import RecipeError
from limbeck.core.recipe import Recipe, Step
from limbeck.core.shelf import SHELVES, shelf
from limbeck.core.spec import Spec, describe, parse

NAMES = [(name, key) for name in (*SHELVES, "stages") if name != "tasks" for key in shelf(name).names()]
"""All that a user sets; the fields of tasks are detected, and have their own contract."""
REQUIRED = {
    ("stages", "prepare"): {"train": "rows.csv"},
    ("stages", "tokenize"): {"corpus": "raw.txt"},
    ("stages", "import_checkpoint"): {"weights": "old.pth", "config": "model"},
    ("augmenters", "synonyms"): {"file": "synonyms.tsv"},
}
"""Values for the few fields that have no default."""


def inner_specs(annotation):
    """Spec classes that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
        for field in annotation.model_fields.values():
            yield from inner_specs(field.annotation)
    for argument in typing.get_args(annotation):
        yield from inner_specs(argument)


@pytest.mark.parametrize(("name", "key"), NAMES)
class TestContract:
    def test_the_file_gives_its_name(self, name, key):
        spec = shelf(name).spec(key)
        assert issubclass(spec, Spec)
        assert spec(**REQUIRED.get((name, key), {})).kind == key
        assert spec.__doc__

    def test_every_field_is_documented(self, name, key):
        for spec in inner_specs(shelf(name).spec(key)):
            for field in describe(spec):
                assert field.meaning.strip().endswith((".", ")")), f"{spec}.{field.name}: {field.meaning!r}"
                assert field.meaning[0].isupper() or not field.meaning[0].isalpha()

    def test_it_survives_yaml(self, name, key):
        spec = shelf(name).spec(key)(**REQUIRED.get((name, key), {}))
        plain = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
        assert parse(type(spec), plain, key) == spec
        assert parse(type(spec), plain, key).model_dump(mode="json") == plain

    def test_it_is_frozen_and_strict(self, name, key):
        spec = shelf(name).spec(key)(**REQUIRED.get((name, key), {}))
        for field in type(spec).model_fields:
            with pytest.raises(ValidationError):
                setattr(spec, field, getattr(spec, field))
        with pytest.raises(RecipeError, match=r"step\.no_such_field"):
            parse(type(spec), {**REQUIRED.get((name, key), {}), "no_such_field": 1}, "step")

    def test_a_default_is_what_a_user_may_write(self, name, key):
        required = REQUIRED.get((name, key), {})
        default = shelf(name).spec(key)(**required)
        for field, value in default.model_dump(mode="json").items():
            assert parse(type(default), {**required, field: value}, key) == default

    def test_fields_of_a_wrong_kind_are_one_message(self, name, key):
        spec = shelf(name).spec(key)
        for field in spec.model_fields:
            with pytest.raises(RecipeError, match=rf"step\.{field}"):
                parse(spec, {**REQUIRED.get((name, key), {}), field: {"no": {"such": "thing"}}}, "step")


@pytest.mark.parametrize("record", [Recipe, Step])
def test_the_records_of_a_recipe_are_documented(record: type[BaseModel]):
    assert all(field.meaning for field in describe(record))

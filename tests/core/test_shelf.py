import importlib
import sys
from typing import Annotated

import pytest

from limbeck.core.errors import RecipeError, ShelfError
from limbeck.core.shelf import SHELVES, missing_extra, on_shelf, shelf, spec_classes
from limbeck.core.spec import Spec, parse


class Mixture(Spec):
    terms: tuple[Annotated[Spec, on_shelf("metrics")], ...] = ()


def test_names_are_the_files_and_nothing_is_imported(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    assert {"accuracy", "ece", "entity_f1"} <= set(shelf("metrics").names())
    assert not any(name.startswith("_") for s in SHELVES for name in shelf(s).names())


def test_an_unknown_shelf_is_refused_with_those_that_exist():
    with pytest.raises(ShelfError, match="no shelf 'metric'; the shelves are readers, corpora, tasks"):
        shelf("metric")


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(ShelfError) as caught:
        shelf("metrics").load("acuracy")
    assert str(caught.value).startswith(
        "no metric 'acuracy'; did you mean 'accuracy'?; there are accuracy, concordance, ece, "
    )


@pytest.mark.parametrize("name", ["..core.spec", "../core/spec", "accuracy.", "", "__init__"])
def test_a_name_never_leaves_its_shelf(name):
    with pytest.raises(ShelfError, match="no metric"):
        shelf("metrics").load(name)


def test_a_missing_library_is_named_with_what_brings_it(monkeypatch):
    for name in [n for n in sys.modules if n.startswith(("pyarrow", "limbeck.readers.parquet"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib, "import_module", lambda _: importlib.__import__("surely_not_installed"))
    with pytest.raises(ShelfError, match=r"the reader 'parquet' needs 'surely_not_installed'.*limbeck\[train\]"):
        shelf("readers").load("parquet")


def test_a_missing_file_of_our_own_is_a_fault_of_ours(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda _: importlib.__import__("limbeck.gone"))
    with pytest.raises(ModuleNotFoundError, match=r"limbeck\.gone"):
        shelf("metrics").load("accuracy")


def test_specs_are_built_from_names_mappings_and_themselves():
    spec = shelf("metrics").parse("accuracy", "m")
    assert spec.kind == "accuracy"
    assert shelf("metrics").parse({"kind": "accuracy"}, "m") == spec
    assert shelf("metrics").parse(spec, "m") is spec
    assert shelf("metrics").build(spec).unit == "fraction"


@pytest.mark.parametrize("value", [None, 3, [], {}, {"kind": 1}])
def test_a_value_that_names_nothing_is_refused(value):
    with pytest.raises(RecipeError, match=r"gate\.kind: name one of accuracy, "):
        shelf("metrics").parse(value, "gate")


def test_a_field_holds_specs_of_its_shelf():
    mixture = parse(Mixture, {"terms": ["accuracy", {"kind": "ece"}]}, "step")
    assert [t.kind for t in mixture.terms] == ["accuracy", "ece"]
    assert [t["kind"] for t in mixture.model_dump(mode="json")["terms"]] == ["accuracy", "ece"]
    assert parse(Mixture, mixture.model_dump(mode="json"), "step") == mixture


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (["accuracy", "acuracy"], "evaluate.terms[1].kind: no metric 'acuracy'; did you mean 'accuracy'?"),
        ([{"kind": "accuracy", "what": 1}], "evaluate.terms[0].what: no such field"),
        ([{}], "evaluate.terms[0].kind: name one of accuracy, "),
    ],
)
def test_a_fault_in_a_field_of_a_shelf_has_its_full_place(terms, message):
    with pytest.raises(RecipeError) as caught:
        parse(Mixture, {"terms": terms}, "evaluate")
    assert str(caught.value).startswith(message)


def test_every_fault_inside_has_its_place():
    class Step(Spec):
        objective: Annotated[Spec, on_shelf("objectives")]

    with pytest.raises(RecipeError) as caught:
        parse(Step, {"objective": {"kind": "soft_targets", "weight": -1, "temprature": 2}}, "distil")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "distil.objective.weight",
        "distil.objective.temprature",
    ]


def test_spec_classes_are_found_by_their_names():
    lookup = spec_classes("metrics")
    assert lookup("MacroF1") is shelf("metrics").spec("macro_f1")
    with pytest.raises(AttributeError):
        lookup("Macrof1")


def test_the_extra_that_is_missing_is_named():
    assert str(missing_extra("torch", "distil")) == (
        "distil needs 'torch', which is not installed: pip install 'limbeck[train]'"
    )

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.core.errors import RecipeError
from limbeck.core.recipe import Recipe, Step, find_recipe, from_plain, load_yaml, read_recipe, recipe_names

TEXT = """\
limbeck: 1
seed: 7
steps:
- stage: finetune
  out: teacher
  from: {data: data}
  epochs: 3
- stage: distil
  name: first
  objectives:
  - {kind: soft_targets, weight: 1.0}
  - {kind: labels, weight: 0.5}
"""


@pytest.fixture
def recipe():
    return from_plain(load_yaml(TEXT, "r"), "r")


def test_yaml_becomes_steps(recipe):
    first, second = recipe.steps
    assert recipe.seed == 7
    assert first == Step(stage="finetune", out="teacher", inputs={"data": "data"}, fields={"epochs": 3})
    assert (first.title, first.place) == ("finetune", "teacher")
    assert (second.title, second.place) == ("first", "first")
    assert second.inputs == {}


def test_a_saved_recipe_reads_back(recipe, tmp_path):
    recipe.save(tmp_path / "recipe.yaml")
    again = read_recipe(tmp_path / "recipe.yaml")
    assert again.text() == recipe.text() == (tmp_path / "recipe.yaml").read_text()
    assert "out: first" in again.text()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
STEPS = st.builds(
    Step,
    stage=NAMES,
    name=NAMES,
    inputs=st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=8), max_size=2),
    fields=st.dictionaries(NAMES.filter(lambda n: n not in {"stage", "name", "out", "from"}), VALUES, max_size=3),
)


@given(st.integers(0, 2**31 - 1), st.lists(STEPS, min_size=1, max_size=3, unique_by=lambda s: s.name))
def test_every_recipe_survives_yaml(seed, steps):
    recipe = Recipe(seed=seed, steps=tuple(steps))
    again = from_plain(load_yaml(recipe.text(), "r"), "r")
    assert again.plain() == recipe.plain()
    assert again.text() == recipe.text()


def test_settings_reach_every_depth(recipe):
    changed = recipe.override(
        [
            "seed=3",
            "finetune.epochs=5",
            "finetune.gate.drop=0.5",
            "first.objectives[1].weight=0",
            "first.objectives.0.weight=2",
            "first.layers=[1, 2]",
            "finetune.model=hf:org/name@main",
            "finetune.from.data=other",
        ]
    )
    assert changed.seed == 3
    assert changed.steps[0].fields == {"epochs": 5, "gate": {"drop": 0.5}, "model": "hf:org/name@main"}
    assert changed.steps[0].inputs == {"data": "other"}
    assert [o["weight"] for o in changed.steps[1].fields["objectives"]] == [2, 0]
    assert changed.steps[1].fields["layers"] == [1, 2]
    assert recipe.steps[0].fields == {"epochs": 3}


def test_a_setting_replaces_an_item_of_a_list(recipe):
    changed = recipe.override(["first.objectives[1]={kind: hidden_states}"])
    assert changed.steps[1].fields["objectives"][1] == {"kind": "hidden_states"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("finetune.epochs", "--set finetune.epochs: write step.field=value"),
        ("=3", "--set =3: write step.field=value"),
        ("distil.epochs=3", "no step 'distil'; the steps are finetune, first, then .field"),
        ("finetune=3", "no step 'finetune'; the steps are"),
        ("first.objectives[2].weight=3", "'2' is no index of a list of 2; count from 0"),
        ("first.objectives[2]=3", "'2' is no index of a list of 2"),
        ("first.objectives.last.weight=3", "'last' is no index"),
        ("finetune.epochs.more.deep=3", "there is no 'more' in 3"),
        ("finetune.epochs={", "--set finetune.epochs: not YAML"),
        ("seed=-1", "recipe.seed: Input should be greater than or equal to 0 (found -1)"),
        ("seed=one", "recipe.seed: "),
    ],
)
def test_a_wrong_setting_is_refused(recipe, setting, message):
    with pytest.raises(RecipeError) as caught:
        recipe.override([setting])
    assert message in str(caught.value)


def test_nothing_stands_below_a_number(recipe):
    with pytest.raises(RecipeError, match="there is no 'more' in 3"):
        recipe.override(["finetune.epochs.more=3"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "line 1: the key 'a' stands twice"),
        ("x:\n  b: 1\n  b: 1", "line 2: the key 'b' stands twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML"),
        ("a: [", "not YAML"),
        ("[" * 5000 + "]" * 5000, "r: "),
        ("- 1\n" * 20_001, "more than 20000 YAML values"),
        ("? [a]\n: 1", "r: "),
        ("{? {a: 1} : 1}", "r: not YAML"),
    ],
)
def test_dangerous_or_doubtful_yaml_is_refused(text, message):
    with pytest.raises(RecipeError) as caught:
        from_plain(load_yaml(text, "r"), "r")
    assert message in str(caught.value)
    assert str(caught.value).startswith("r")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "r: a recipe is a mapping with the keys limbeck, seed and steps"),
        ("", "r: a recipe is a mapping"),
        ("steps: []", "r: begin with `limbeck: 1` (found None)"),
        ("limbeck: 2\nsteps: []", "r: begin with `limbeck: 1` (found 2)"),
        ("limbeck: 1", "r.steps: give a list of steps"),
        ("limbeck: 1\nsteps: [finetune]", "r.steps: give a list of steps"),
        ("limbeck: 1\nsteps: []", "r.steps: "),
        ("limbeck: 1\nsteps: [{out: x}]", "r.steps[0].stage: this field must be given"),
        ("limbeck: 1\nsteps: [{stage: a, from: [x]}]", "r.steps[0].from: "),
        ("limbeck: 1\nsteps: [{stage: a}]\nsteeps: []", "r.steeps: no such field; did you mean 'steps'?"),
        ("limbeck: 1\nsteps: [{stage: a}, {stage: a}]", "r.steps: two steps are called a; give each its own name"),
        ("limbeck: 1\nsteps: [{stage: a, out: x}, {stage: b, out: x}]", "r.steps: two steps are called x"),
        ("limbeck: 1\nsteps: [{stage: a, out: x}, {stage: b, out: ./x}]", "r.steps: a.out is where b writes"),
        ("limbeck: 1\nsteps: [{stage: a, out: x/y/z}, {stage: b, out: x}]", "r.steps: a.out is where b writes"),
        ("limbeck: 1\nsteps: [{stage: a, out: ../x}]", "r.steps: a.out must be a path inside the run's directory"),
        ("limbeck: 1\nsteps: [{stage: a, out: /x}]", "must be a path inside"),
        ("limbeck: 1\nsteps: [{stage: a, out: .}]", "must be a path inside"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_place(text, message):
    with pytest.raises(RecipeError) as caught:
        from_plain(load_yaml(text, "r"), "r")
    assert message in str(caught.value)


def test_an_unreadable_file_is_one_message(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.yaml: cannot be read"):
        read_recipe(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"limbeck: 1 # \xe9")
    with pytest.raises(RecipeError, match=r"latin\.yaml: cannot be read"):
        read_recipe(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(RecipeError, match=r"huge\.yaml: larger than"):
        read_recipe(tmp_path / "huge.yaml")


def test_a_new_seed_reaches_the_steps_that_had_the_old_one():
    plain = {
        "limbeck": 1,
        "seed": 0,
        "steps": [{"stage": "a", "seed": 0}, {"stage": "b", "seed": 7}, {"stage": "c"}],
    }
    recipe = from_plain(plain, "r").override(["seed=5"])
    assert recipe.seed == 5
    assert [step.fields.get("seed") for step in recipe.steps] == [5, 7, None]


def test_shipped_recipes_are_found_by_name():
    assert "compress" in recipe_names()
    for name in recipe_names():
        assert read_recipe(find_recipe(name)).steps[0].stage in ("prepare", "tokenizer", "tokenize")


def test_installed_package_holds_the_recipes_of_the_checkout():
    root = find_recipe("compress").parent.parent
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"recipes": "limbeck/recipes"}


def test_what_is_no_name_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text(TEXT)
    (tmp_path / "compress").write_text(TEXT)
    assert find_recipe("mine") == Path("mine")
    assert find_recipe("compress").name == "compress.yaml"
    assert find_recipe("./compress") == Path("compress")
    assert find_recipe("no/where") == Path("no/where")
    assert find_recipe("nowhere.yaml") == Path("nowhere.yaml")


def test_unknown_name_is_answered_with_all_there_are():
    with pytest.raises(RecipeError, match=r"no recipe 'compres'; did you mean 'compress'\?; there are .*compress"):
        find_recipe("compres")

"""Recipes: the one place where a run is decided. YAML in, resolved steps out, equal recipes hash equally."""

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field

from limbeck.core.errors import RecipeError
from limbeck.core.files import there, write_text
from limbeck.core.spec import Spec, parse

FORMAT = 1
"""Number of the recipe layout, the value of its first key, `limbeck`."""
_PACKAGE = Path(__file__).parent.parent
_SHIPPED = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")
"""Where the recipes that come with Limbeck lie: in an installation, in a checkout."""
_LIMIT_BYTES = 1 << 20
_LIMIT_NODES = 20_000
_LIMIT_DEPTH = 50
_RARE_BREAKS = frozenset("\x85\u2028\u2029")
"""Line breaks that PyYAML writes as they are and reads as spaces, unless it escapes all that is not ASCII."""


class Step(Spec):
    """One stage with its inputs and fields."""

    stage: str
    """Verb: the stage to run, a file of `limbeck/stages`."""
    name: str = ""
    """What `--set NAME.field` calls the step; the stage's name unless given."""
    out: str = ""
    """Directory of the result, relative to the run's directory; the step's name unless given."""
    inputs: dict[str, str] = Field(default_factory=dict, alias="from")
    """Role → an earlier step's `out`, or the path of a Bundle."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """The stage's own fields; in YAML they stand beside the ones above."""

    model_config = ConfigDict(populate_by_name=True)

    @property
    def title(self) -> str:
        """The name of the step in `--set` and in messages."""
        return self.name or self.stage

    @property
    def place(self) -> str:
        """Where the result goes, relative to the run's directory."""
        return self.out or self.title

    def plain(self) -> dict[str, Any]:
        """The step as YAML holds it."""
        head = {"stage": self.stage}
        if self.name:
            head["name"] = self.name
        return {**head, "out": self.place, **({"from": dict(self.inputs)} if self.inputs else {}), **self.fields}


class Recipe(Spec):
    """Steps in the order in which they run."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Seed of every step that does not give its own."""
    steps: tuple[Step, ...] = Field(min_length=1)
    """What to do."""

    def plain(self) -> dict[str, Any]:
        """The recipe as YAML holds it."""
        return {"limbeck": FORMAT, "seed": self.seed, "steps": [s.plain() for s in self.steps]}

    def text(self) -> str:
        """The recipe as YAML."""
        text = _dump(self.plain(), readable=True)
        return _dump(self.plain(), readable=False) if _RARE_BREAKS & set(text) else text

    def save(self, path: Path) -> None:
        """Write the recipe as YAML, atomically."""
        write_text(path, self.text())

    def override(self, settings: Iterable[str]) -> "Recipe":
        """Apply `step.field=value` settings; a value is read as YAML.

        Raises:
            RecipeError: A setting has no `=`, or names a step or an index that does not exist.
        """
        plain = self.plain()
        for setting in settings:
            _apply(plain, setting)
        return from_plain(plain, "recipe")


def _dump(plain: Mapping[str, Any], readable: bool) -> str:
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=readable, width=100))


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with Limbeck, sorted."""
    return tuple(sorted(path.stem for path in _shipped().glob("*.yaml")))


def _shipped() -> Path:
    return next((folder for folder in _SHIPPED if folder.is_dir()), _SHIPPED[0])


def find_recipe(reference: str | Path) -> Path:
    """The file that a reference means.

    Args:
        reference: The name of a recipe that comes with Limbeck, or a path.

    Raises:
        RecipeError: It is neither; the names that there are, are told.
    """
    name, path = str(reference), Path(reference).expanduser()
    if name in (names := recipe_names()):
        return _shipped() / f"{name}.yaml"
    if there(path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise RecipeError(f"no recipe {name!r}{hint}; there are {', '.join(names)}, or give the path of a YAML file")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        RecipeError: No such file, not YAML, a duplicate key, too large, or a field that is wrong.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would block whoever opens it
            raise RecipeError(f"{path}: no file; give the path of a recipe")
        if path.stat().st_size > _LIMIT_BYTES:
            raise RecipeError(f"{path}: larger than {_LIMIT_BYTES} bytes; a recipe never is")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from None
    return from_plain(load_yaml(text, str(path)), str(path))


def from_plain(value: Any, where: str) -> Recipe:
    """Build a recipe from plain values, checking names and references.

    Raises:
        RecipeError: What is wrong, with its place.
    """
    if not isinstance(value, Mapping):
        raise RecipeError(f"{where}: a recipe is a mapping with the keys limbeck, seed and steps")
    if value.get("limbeck") != FORMAT:
        raise RecipeError(f"{where}: begin with `limbeck: {FORMAT}` (found {value.get('limbeck')!r})")
    steps = value.get("steps")
    if not isinstance(steps, list) or not all(isinstance(s, Mapping) for s in steps):
        raise RecipeError(f"{where}.steps: give a list of steps, each a mapping with `stage`")
    rest = {k: v for k, v in value.items() if k not in ("limbeck", "steps")}
    recipe = parse(Recipe, {**rest, "steps": [_split(s) for s in steps]}, where)
    for what in ("title", "place"):
        names = [getattr(s, what) for s in recipe.steps]
        if twice := {n for n in names if names.count(n) > 1}:
            raise RecipeError(f"{where}.steps: two steps are called {', '.join(sorted(twice))}; give each its own name")
    places = {step.title: Path(step.place) for step in recipe.steps}
    for one, other in itertools.permutations(places, 2):
        if places[one].is_relative_to(places[other]):
            raise RecipeError(f"{where}.steps: {one}.out is where {other} writes; give it a place of its own")
    for step in recipe.steps:
        inside = Path(step.place)
        if inside.is_absolute() or ".." in inside.parts or not inside.parts:
            raise RecipeError(f"{where}.steps: {step.title}.out must be a path inside the run's directory")
    return recipe


def _split(step: Mapping[str, Any]) -> dict[str, Any]:
    own = ("stage", "name", "out", "from")
    return {**{k: step[k] for k in own if k in step}, "fields": {k: v for k, v in step.items() if k not in own}}


def _apply(plain: dict[str, Any], setting: str) -> None:
    path, separator, text = setting.partition("=")
    keys = [k for k in re.split(r"[.\[\]]+", path.strip()) if k]
    if not separator or not keys:
        raise RecipeError(f"--set {setting}: write step.field=value")
    value = load_yaml(text, f"--set {path}")
    if keys == ["seed"]:
        for step in plain["steps"]:
            if step.get("seed") == plain["seed"]:  # a resolved step that took the recipe's seed takes the new one
                step["seed"] = value
        plain["seed"] = value
        return
    titles = [s.get("name") or s["stage"] for s in plain["steps"]]
    if keys[0] not in titles or len(keys) < 2:
        raise RecipeError(f"--set {setting}: no step {keys[0]!r}; the steps are {', '.join(titles)}, then .field")
    place: Any = plain["steps"][titles.index(keys[0])]
    for key in keys[1:-1]:
        place = _descend(place, key, setting)
    if isinstance(place, dict):
        place[keys[-1]] = value
    else:
        _descend(place, keys[-1], setting)
        place[int(keys[-1])] = value


def _descend(place: Any, key: str, setting: str) -> Any:
    if isinstance(place, list):
        if not key.isdigit() or int(key) >= len(place):
            raise RecipeError(f"--set {setting}: {key!r} is no index of a list of {len(place)}; count from 0")
        return place[int(key)]
    if isinstance(place, dict):
        return place.setdefault(key, {})
    raise RecipeError(f"--set {setting}: there is no {key!r} in {place!r}")


class _Loader(yaml.SafeLoader):
    """Safe loading that also refuses duplicate keys and aliases, which can grow without bound."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise RecipeError("YAML aliases (*name) are not allowed here; write the value out")
        self.nodes = getattr(self, "nodes", 0) + 1
        if self.nodes > _LIMIT_NODES:
            raise RecipeError(f"more than {_LIMIT_NODES} YAML values; refused")
        self.depth = getattr(self, "depth", 0) + 1
        if self.depth > _LIMIT_DEPTH:
            raise RecipeError(f"YAML values more than {_LIMIT_DEPTH} deep in one another; refused")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        if twice := [k for k, count in Counter(keys).items() if count > 1]:
            raise RecipeError(f"line {node.start_mark.line + 1}: the key {twice[0]!r} stands twice")
        return super().construct_mapping(node, deep)


def load_yaml(text: str, where: str) -> Any:
    """Parse YAML safely: no tags, no aliases, no duplicate keys, bounded size and depth.

    Raises:
        RecipeError: The text is not such YAML.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise RecipeError(f"{where}: not YAML ({' '.join(str(error).split())[:200]})") from None

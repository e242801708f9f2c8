"""The laws of the house that no linter knows: sizes, names, inheritance, and the order of parts in a shelf's file."""

import ast
import re
import socket
from pathlib import Path

import jaxtyping
import pytest

from limbeck.core.shelf import SHELVES, shelf

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "limbeck").rglob("*.py"))
ALL = [*SOURCES, *sorted(p for folder in ("tests", "benchmarks", "examples") for p in (ROOT / folder).rglob("*.py"))]
ALGORITHMS = [ROOT / "limbeck" / name / f"{key}.py" for name in SHELVES for key in shelf(name).names()]
STAGES = [ROOT / "limbeck" / "stages" / f"{key}.py" for key in shelf("stages").names()]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
FORBIDDEN_FILES = {"utils", "util", "common", "misc", "base", "helpers", "helper"}
FORBIDDEN_WORDS = re.compile(
    r"(Manager|Handler|Helper|Processor|Wrapper|Utils?)$|(^|_)(manager|handler|helper|utils?)(_|$)"
)
PARENTS = re.compile(
    r"(\w+\.)?(\w*Spec|Record|Module|Exception|\w*Error|Protocol|NamedTuple|BaseModel|Weighted|Updates|Training|Tracked)"
)
HOOKS = {"yaml.SafeLoader", "torch.optim.Optimizer", "dict[int, str]", "dict[str, Any]"}
"""Libraries' hooks that can be reached by inheriting alone: a loader's rules, what is missing from a mapping."""


def named(path):
    return pytest.param(path, id=str(path.relative_to(ROOT)))


def nodes(path, *kinds):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)]


@pytest.mark.parametrize("path", [named(p) for p in ALL])
def test_files_and_functions_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    for function in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef):
        lines = function.end_lineno - function.lineno + 1
        assert lines <= MAX_FUNCTION_LINES, f"{path}:{function.lineno}: {function.name} has {lines} lines"


@pytest.mark.parametrize("path", [named(p) for p in ALL])
def test_names_say_what_a_thing_is(path):
    assert path.stem not in FORBIDDEN_FILES
    if path in SOURCES:
        for node in nodes(path, ast.ClassDef, ast.FunctionDef):
            assert not FORBIDDEN_WORDS.search(node.name), f"{path}:{node.lineno}: {node.name}"


@pytest.mark.parametrize("path", [named(p) for p in SOURCES])
def test_nothing_is_inherited_but_specs_modules_errors_and_ports(path):
    for node in nodes(path, ast.ClassDef):
        for parent in map(ast.unparse, node.bases):
            assert parent in HOOKS or PARENTS.fullmatch(parent), (
                f"{path}:{node.lineno}: {node.name} inherits from {parent}"
            )


@pytest.mark.parametrize("path", [named(p) for p in ALGORITHMS])
def test_a_shelf_file_has_its_parts_in_order(path):
    """Docstring, Spec, functions and classes, `build(spec, …)`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    parts = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert parts[0].name == "Spec"
    assert parts[-1].name == "build"
    assert parts[-1].args.args[0].arg == "spec"


@pytest.mark.parametrize("path", [named(p) for p in STAGES])
def test_every_stage_has_the_one_signature(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [a.arg for a in functions["run"].args.args] == ["spec", "inputs", "out", "log"]
    if "outside" in functions:
        assert [a.arg for a in functions["outside"].args.args] == ["spec"]
    assert any(isinstance(node, ast.ClassDef) and node.name == "Spec" for node in tree.body)


def test_nothing_runs_what_a_file_or_a_user_says():
    """No call evaluates text, starts a shell, or opens a pickle with all that it may hold."""
    for path in sorted((ROOT / "limbeck").rglob("*.py")):
        for call in nodes(path, ast.Call):
            name, given = ast.unparse(call.func), {k.arg: ast.unparse(k.value) for k in call.keywords}
            place = f"{path}:{call.lineno}: {name}"
            assert name not in {"eval", "exec", "os.system", "pickle.load", "pickle.loads", "yaml.unsafe_load"}, place
            assert name != "yaml.load" or ast.unparse(call.args[1]) == "_Loader", place  # which is a SafeLoader
            assert name != "torch.load" or given.get("weights_only") == "True", place
            assert given.get("shell", "False") == given.get("trust_remote_code", "False") == "False", place


def test_no_file_knows_the_machine_it_was_written_on():
    place = re.compile(r"(?<![\w.])/(?:home|root|work|Users|tmp)/")
    folders = ("limbeck", "docs", "examples", "benchmarks", "recipes", ".ci")
    files = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".md", ".yaml", ""}]
    texts = [*(p for p in files if p.is_file()), *ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile"]
    assert [str(p) for p in texts if place.search(p.read_text(encoding="utf-8"))] == []


def test_every_target_of_make_is_listed():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert sorted(phony) == sorted(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_every_pinned_library_is_pinned_exactly():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)  # no local builds, as torch's +cpu
    assert "torch==2.13.0" in lines


def test_tests_reach_no_network():
    with pytest.raises(AssertionError, match="a test tried to reach"):
        socket.create_connection(("localhost", 9))
    with pytest.raises(AssertionError, match="a test tried to reach"), socket.socket() as client:
        client.connect(("127.0.0.1", 9))


def test_shapes_of_tensors_are_checked_under_test():
    import torch

    from limbeck.objectives.soft_targets import soft_target_loss

    with pytest.raises(jaxtyping.TypeCheckError):
        soft_target_loss(torch.zeros(2, 3), torch.zeros(2, 4), 1.0)

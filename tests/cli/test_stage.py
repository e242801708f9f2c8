"""The verbs that ask the pipeline: which flags reach it, and as what."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from limbeck.cli.stage import by_role
from limbeck.core.errors import RecipeError


@pytest.mark.parametrize(
    ("arguments", "inputs", "fields"),
    [
        (
            ["prepare", "a.csv", "--dev", "d.csv", "--text", "body", "--encoding", "latin1"],
            {},
            {"train": "a.csv", "dev": "d.csv", "text": "body", "encoding": "latin1"},
        ),
        (["tokenizer", "raw", "--size", "99"], {}, {"corpus": "raw", "size": 99}),
        (["tokenizer", "--vocabulary", "vocab.txt"], {}, {"vocabulary": "vocab.txt"}),
        (
            ["tokenize", "raw", "--tokenizer", "t", "--column", "c", "--format", "jsonl", "--workers", "2"],
            {},
            {"corpus": "raw", "tokenizer": "t", "column": "c", "format": "jsonl", "workers": 2},
        ),
        (["finetune", "a.csv"], {"data": Path("a.csv")}, {}),
        (["finetune", "a.csv", "--model", "hf:org/name@1"], {"data": Path("a.csv")}, {"model": "hf:org/name@1"}),
        (
            ["distil", "--teacher", "t", "--data", "d", "--student", "3x384"],
            {"teacher": Path("t"), "data": Path("d")},
            {"student": "3x384"},
        ),
        (
            ["distil", "--teacher", "t", "--teacher", "u", "--teacher", "v", "--data", "d"],
            {"teacher": Path("t"), "teacher_2": Path("u"), "teacher_3": Path("v"), "data": Path("d")},
            {},
        ),
        (["augment", "d"], {"data": Path("d")}, {}),
        (
            ["augment", "d", "--teacher", "t", "--augmenter", "words", "--copies", "4"],
            {"data": Path("d"), "teacher": Path("t")},
            {"augmenter": "words", "copies": 4},
        ),
        (["export", "s"], {"model": Path("s")}, {}),
        (["quantize", "s", "--data", "d"], {"model": Path("s"), "data": Path("d")}, {}),
        (["quantize", "s", "--data", "d", "--force"], {"model": Path("s"), "data": Path("d")}, {"force": True}),
        (
            ["evaluate", "runs/teacher", "small=runs/b", "--data", "d"],
            {"data": Path("d"), "teacher": Path("runs/teacher"), "small": Path("runs/b")},
            {},
        ),
        (["benchmark", "a=x", "--data", "d"], {"data": Path("d"), "a": Path("x")}, {}),
        (
            ["package", "m", "teacher=t", "--evaluation", "e", "--benchmark", "b"],
            {"model": Path("m"), "teacher": Path("t"), "evaluation": Path("e"), "benchmark": Path("b")},
            {},
        ),
        (["report", "runs/a"], {"run": Path("runs/a")}, {}),
    ],
)
def test_a_stage_verb_passes_on_only_what_was_given(cli, pipeline, arguments, inputs, fields):
    result = cli(*arguments, "--out", "o", "--set", "epochs=2", "--set", "seed=1")
    assert result.exit_code == 0, result.stderr
    [(name, (stage, *rest, _log), _)] = pipeline.calls
    assert name == "run_stage"
    assert stage == arguments[0]
    assert rest == [inputs, fields, Path("o"), ["epochs=2", "seed=1"]]
    assert result.stdout == "made/here\n"


def test_compress_passes_on_only_what_was_given(cli, pipeline):
    result = cli("compress", "a.csv", "--out", "o", "--teacher", "hf:a/b", "--seed", "3", "--set", "distil.epochs=1")
    assert result.stdout == "the table\n"
    settings = {"settings": ["distil.epochs=1"], "force": False}
    assert pipeline.calls == [
        ("compress", (Path("a.csv"),), {"out": Path("o"), "teacher": "hf:a/b", "seed": 3, **settings})
    ]


def test_compress_has_every_flag(cli, pipeline):
    flags = {"dev": "d", "test": "t", "task": "k", "text": "x", "pair": "y", "label": "l", "encoding": "e"}
    flags |= {"teacher": "T", "student": "half"}
    given = [part for name, value in flags.items() for part in (f"--{name}", value)]
    assert cli("compress", "a.csv", "--out", "o", *given, "--force").exit_code == 0
    [(_, _, keywords)] = pipeline.calls
    assert {name: str(keywords[name]) for name in flags} == flags
    assert keywords["force"] is True


@pytest.fixture
def comparing(monkeypatch):
    """A stand-in for `limbeck.comparison.compare`; `calls` holds (recipes, keywords without log)."""
    from limbeck import comparison

    calls, failures = [], {}

    def compare(recipes, *, log, **keywords):
        calls.append((recipes, keywords))
        return SimpleNamespace(table=lambda: "the table", failures=failures)

    monkeypatch.setattr(comparison, "compare", compare)
    return SimpleNamespace(calls=calls, failures=failures)


def test_compare_passes_on_only_what_was_given(cli, comparing):
    result = cli("compare", "compress", "mine=b.yaml", "--data", "a.csv", "--out", "o", "--seeds", "4, 5")
    assert result.stdout == "the table\n"
    given = {"data": ["a.csv"], "out": Path("o"), "seeds": [4, 5], "fresh_teacher": False, "metric": {}, "settings": []}
    assert comparing.calls == [(["compress", "mine=b.yaml"], given)]


def test_compare_has_every_flag(cli, comparing):
    flags = {"dev": "d", "test": "t", "task": "k", "text": "x", "pair": "y", "label": "l", "encoding": "e"}
    flags |= {"teacher": "T", "student": "half", "until": "student"}
    given = [part for name, value in flags.items() for part in (f"--{name}", value)]
    command = ["compare", "compress", "--data", "a.csv", "--out", "o", *given, "--fresh-teacher", "--set", "a.b=1"]
    assert cli(*command, "--data", "b=c.csv", "--metric", "mcc", "--metric", "b=f1").exit_code == 0
    [(_, keywords)] = comparing.calls
    assert (keywords["data"], keywords["metric"]) == (["a.csv", "b=c.csv"], {"": "mcc", "b": "f1"})
    assert {name: keywords[name] for name in flags} == flags
    assert (keywords["fresh_teacher"], keywords["settings"], keywords["seeds"]) == (True, ["a.b=1"], [0, 1, 2])


def test_compare_ends_with_what_failed(cli, comparing):
    comparing.failures["kd seed 1"] = "the loss is nan"
    result = cli("compare", "compress", "--data", "a.csv", "--out", "o")
    assert result.exit_code == 2
    assert result.stdout == "the table\n"
    assert "kd seed 1: the loss is nan" in result.stderr


def test_probe_has_every_flag(cli, monkeypatch):
    from limbeck import probing

    calls = []

    def probe(models, *, log, **keywords):
        calls.append((models, keywords))
        return SimpleNamespace(table=lambda: "the table", failures={})

    monkeypatch.setattr(probing, "probe", probe)
    flags = {"dev": "d", "test": "t", "task": "k", "text": "x", "pair": "y", "label": "l", "encoding": "e"}
    flags |= {"precision": "bf16"}
    given = [part for name, value in flags.items() for part in (f"--{name}", value)]
    command = ["probe", "minilm-l6", "mine=DIR", "--data", "a.csv", *given, "--seeds", "4", "--set", "a.b=1"]
    assert cli(*command).stdout == "the table\n"
    rest = {"data": ["a.csv"], "out": Path("probe"), "seeds": [4], "metric": {}, "settings": ["a.b=1"]}
    assert calls == [(["minilm-l6", "mine=DIR"], {**flags, **rest})]


@pytest.mark.parametrize("seeds", ["", "1,,2", "a", "1.5", "1;2"])
def test_malformed_seeds_are_refused(cli, comparing, seeds):
    result = cli("compare", "compress", "--data", "a.csv", "--out", "o", "--seeds", seeds)
    assert result.exit_code == 2
    assert "as 0,1,2" in result.stderr
    assert comparing.calls == []


def test_run_walks_a_recipe(cli, pipeline):
    assert cli("run", "r.yaml", "--out", "o", "--set", "seed=2").stdout == "the table\n"
    [(name, (*arguments, _log), _)] = pipeline.calls
    assert (name, arguments) == ("run_file", ["r.yaml", Path("o"), ["seed=2"]])


def test_demo_needs_no_argument(cli, pipeline):
    assert cli("demo").stdout == "the table\n"
    [(name, (_out, rows, settings, _log), _)] = pipeline.calls
    assert (name, rows, settings) == ("demo", None, [])


def test_nothing_is_written_where_nothing_ran(cli, pipeline, tmp_path):
    cli("compress", "a.csv", "--out", tmp_path / "o")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("models", [["a=x", "a=y"], ["x/a", "y/a"], ["=x"], ["data=x"]])
def test_roles_are_told_apart(models):
    with pytest.raises(RecipeError, match="name each model as ROLE=MODEL"):
        by_role(models)

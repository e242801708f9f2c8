"""What every file on the tasks shelf must do."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from limbeck.core.errors import RecipeError
from limbeck.core.predictions import known
from limbeck.core.record import Record
from limbeck.core.shelf import shelf
from limbeck.core.spec import describe
from limbeck.core.table import Table
from limbeck.text.encode import Encoder
from tests.makers import tiny_tokenizer

SHELF = shelf("tasks")
N = 12
TABLES = [
    Table(Path("a.csv"), {"text": [f"good film {i}" for i in range(N)], "label": ["b", "a"] * (N // 2)}, range(N)),
    Table(Path("a.conll"), {"words": [["to", "oslo"]] * N, "tags": [["O", "B-LOC"]] * N}, range(N)),
    Table(Path("b.csv"), {"text": [f"film {i}" for i in range(N)], "label": ["1", "0"] * (N // 2)}, range(N)),
    Table(Path("c.csv"), {"text": [f"film {i}" for i in range(N)], "score": [f"{i / 4}" for i in range(N)]}, range(N)),
    Table(
        Path("d.csv"),
        {
            "id": list("abcdefghijkl"),
            "premise": ["a"] * N,
            "hypothesis": ["b"] * N,
            "label": [f"{i}.5" for i in range(N)],
        },
        range(N),
    ),
    Table(Path("e.jsonl"), {"text": [f"film {i}" for i in range(N)], "labels": [["a"], [], ["b", "a"]] * 4}, range(N)),
    Table(Path("f.csv"), {"text": [f"film {i}" for i in range(N)], "genres": ["a", "b|a", "b"] * 4}, range(N)),
]
"""Rows to train on; each task must fit at least one of these."""


@pytest.fixture(params=SHELF.names())
def name(request):
    return request.param


@pytest.fixture
def module(name):
    return SHELF.load(name)


@pytest.fixture
def fitted(module):
    """The task's Spec for a table, and the examples of that table."""
    table, spec = next((table, spec) for table in TABLES if (spec := module.detect(table, {})))
    return spec, module.examples(table, spec)


@pytest.fixture
def task(module, fitted):
    spec, rows = fitted
    return module.build(spec, module.label_names(rows))


def test_it_is_documented(module):
    assert "arXiv" in module.__doc__ or "cs/" in module.__doc__
    assert all(field.meaning for field in describe(module.Spec))
    assert module.CLASS


def test_fields_survive_a_bundle(name, fitted):
    fields = json.loads(json.dumps(fitted[0].plain()))
    assert SHELF.parse(fields, "task") == fitted[0]
    assert SHELF.parse(name, "task") == SHELF.load(name).Spec()


def test_fields_from_a_stranger_are_checked(name, module):
    assert issubclass(module.Spec, Record)
    assert module.Spec().kind == name
    for field in module.Spec().plain().keys() - {"kind"}:
        with pytest.raises(RecipeError, match=rf"task\.{field}: .*expected"):
            SHELF.parse({"kind": name, field: ["no", "such"]}, "task")
    with pytest.raises(RecipeError, match=r"task\.texts: no such field; did you mean 'text'\?"):
        SHELF.parse({"kind": name, "texts": "a"}, "task")
    with pytest.raises(dataclasses.FrozenInstanceError):
        module.Spec().text = "b"


def test_exactly_one_task_fits_a_table():
    for table in TABLES:
        assert sum(SHELF.load(name).detect(table, {}) is not None for name in SHELF.names()) == 1


def test_rows_are_told_apart_and_shared_out(module, fitted):
    rows = fitted[1]
    assert module.sole(rows) == ""
    unlabelled = dataclasses.replace(rows[0], target=None)
    strata = module.strata([*rows, unlabelled])
    assert [stratum is None for stratum in strata] == [False] * len(rows) + [True]
    assert module.strata(rows) == strata[:-1]


def test_it_measures_what_the_shelf_has(task):
    assert task.primary in task.metrics
    assert set(task.metrics) <= set(shelf("metrics").names())


def test_labels_do_not_depend_on_the_order_of_rows(module, fitted):
    rows = fitted[1]
    assert module.label_names(rows) == module.label_names(rows[::-1]) == module.label_names(rows * 2)


def test_items_of_encoding_targets_and_answers_agree(task, fitted):
    rows = fitted[1]
    for example, windows in zip(rows, task.encode(rows, Encoder(tiny_tokenizer(), 16)), strict=True):
        items = len(example.text) if task.per_word else 1
        assert sum(len(window.words) for window in windows) == (items if task.per_word else 0)
        assert len(task.targets(example)) == items
        truth = np.array(task.targets(example))
        assert truth.shape == ((items, len(task.labels)) if task.answer == "classes" else (items,))
        assert known(truth, task.answer).all()
        assert task.answer == "value" or set(truth.ravel()) <= set(range(max(len(task.labels), 2)))
        unlabelled = np.array(task.targets(dataclasses.replace(example, target=None)))
        assert unlabelled.shape == truth.shape
        assert not known(unlabelled, task.answer).any()


def test_answers_are_plain_values(task):
    text = "good film in oslo"
    [example] = task.parse([text])
    items = len(example.text) if task.per_word else 1
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(task.labels)), items).astype(np.float32)
    answer = task.respond(text, example, probabilities)
    assert json.loads(json.dumps(answer)) == answer


def test_it_needs_no_training_library(name):
    code = (
        f"import sys, limbeck.tasks.{name}; print({{'torch', 'transformers', 'pyarrow', 'sklearn'}} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"

"""The command line in this process, and a pipeline that only remembers what it was asked."""

import sys
import types
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import limbeck


@pytest.fixture
def cli():
    """Runs `limbeck` with arguments."""
    from limbeck.cli.app import app

    def invoke(*arguments, **kwargs):
        return CliRunner().invoke(app, [str(a) for a in arguments], **kwargs)

    return invoke


@pytest.fixture
def pipeline(monkeypatch):
    """A stand-in for `limbeck.pipeline`; `calls` holds (function, positional, keywords without log)."""
    module = types.ModuleType("limbeck.pipeline")
    module.calls = []

    def remember(name, result):
        def call(*args, log=None, **kwargs):
            module.calls.append((name, args, kwargs))
            return result

        setattr(module, name, call)

    for name in ("compress", "run_file", "demo"):
        remember(name, SimpleNamespace(table=lambda: "the table"))
    module.table_of = lambda bundle: "what was measured" if bundle.path.name == "measured" else ""
    remember("run_stage", SimpleNamespace(path=Path("made/here")))
    monkeypatch.setitem(sys.modules, "limbeck.pipeline", module)
    monkeypatch.setattr(limbeck, "pipeline", module, raising=False)
    return module

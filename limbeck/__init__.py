"""Limbeck turns a large BERT and a file of text into a small, fast, verified model.

    import limbeck

    limbeck.compress("reviews.csv", out="tiny")
    limbeck.load("tiny/bundle").predict(["what a film!"])

Every name below is imported when it is first used, so that predicting never waits for the training libraries.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbeck.comparison import compare
    from limbeck.contest import Comparison
    from limbeck.core.bundle import Bundle, open_bundle
    from limbeck.core.errors import BundleError, DataError, GateError, LimbeckError, RecipeError, ShelfError
    from limbeck.core.measurement import Measurement
    from limbeck.core.recipe import Recipe, read_recipe
    from limbeck.pipeline import Result, compress, run
    from limbeck.probing import probe
    from limbeck.runtime import load
    from limbeck.runtime.predictor import Predictor

__version__ = "0.1.0"

_HOMES = {
    "Bundle": "core.bundle",
    "open_bundle": "core.bundle",
    "LimbeckError": "core.errors",
    "RecipeError": "core.errors",
    "BundleError": "core.errors",
    "DataError": "core.errors",
    "ShelfError": "core.errors",
    "GateError": "core.errors",
    "Measurement": "core.measurement",
    "Recipe": "core.recipe",
    "read_recipe": "core.recipe",
    "Comparison": "contest",
    "compare": "comparison",
    "probe": "probing",
    "Result": "pipeline",
    "compress": "pipeline",
    "run": "pipeline",
    "Predictor": "runtime.predictor",
    "load": "runtime",
}
_STAGES = (
    *("prepare", "augment", "import_checkpoint", "finetune", "distil", "export", "quantize"),
    *("evaluate", "benchmark", "package", "report", "tokenizer", "tokenize", "pretrain"),
)

__all__ = [  # noqa: F822  (the stages are made when asked for)
    "Bundle",
    "BundleError",
    "Comparison",
    "DataError",
    "GateError",
    "LimbeckError",
    "Measurement",
    "Predictor",
    "Recipe",
    "RecipeError",
    "Result",
    "ShelfError",
    "augment",
    "benchmark",
    "compare",
    "compress",
    "distil",
    "evaluate",
    "export",
    "finetune",
    "import_checkpoint",
    "load",
    "open_bundle",
    "package",
    "prepare",
    "pretrain",
    "probe",
    "quantize",
    "read_recipe",
    "report",
    "run",
    "tokenize",
    "tokenizer",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(f"limbeck.{_HOMES[name]}"), name)
    if name in _STAGES:
        return importlib.import_module("limbeck.verbs").stage_function(name)
    raise AttributeError(f"module 'limbeck' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""Does an int8 model answer here as it did where it was quantised? Made inputs and their answers tell.

Without VNNI, products of int8 saturate (onnxruntime, "Quantize ONNX models", section on U8S8), so that the same file
can answer otherwise on another processor. The inputs are drawn, as real ones would give away somebody's texts.
"""

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.core.errors import BundleError
from limbeck.core.predictions import Answer, activated

if TYPE_CHECKING:
    from limbeck.runtime.predictor import Predictor

_TEXTS, _LENGTH = 8, 8
"""No model reads fewer tokens at once; of words, one input gives as many answers as eight texts."""
TOLERANCE = 0.05
"""Largest difference of a probability, or of a value in units of the values' spread, that counts as the same answer."""


def bear(predictor: "Predictor", vocabulary: int) -> dict[str, Any]:
    """What this processor answers to the drawn inputs, in plain values, to be kept in the Bundle.

    Args:
        predictor: The int8 model.
        vocabulary: How many tokens it has vectors for.
    """
    return {"vocabulary": vocabulary, "answers": [float(f"{x:.5g}") for x in _answers(predictor, vocabulary)]}


def difference(predictor: "Predictor", kept: Mapping[str, Any]) -> float:
    """How far the answers here are from the kept ones, at most: see `TOLERANCE`.

    Raises:
        BundleError: What was kept is of another model.
    """
    vocabulary, stated = kept.get("vocabulary"), kept.get("answers")
    if not isinstance(vocabulary, int) or vocabulary < 1 or not isinstance(stated, list):
        raise BundleError(f"{predictor.bundle.path}: its witness is damaged; quantise the model again")
    found = _answers(predictor, vocabulary)
    if len(stated) != len(found) or not all(isinstance(x, int | float) for x in stated):
        raise BundleError(f"{predictor.bundle.path}: its witness is of another model; quantise the model again")
    unit = max(float(np.std(stated)), 1e-6) if predictor.task.answer == "value" else 1.0
    return float(np.abs(found - np.asarray(stated, dtype=np.float64)).max()) / unit


def drift_told(predictor: "Predictor") -> tuple[str, bool]:
    """What is to be said of an int8 Bundle that answers on another processor, and whether it is a warning."""
    if not (kept := predictor.bundle.facts.get("witness")):
        return "answers may differ slightly: check with `limbeck evaluate`", True
    if (drift := difference(predictor, kept)) <= TOLERANCE:
        return f"checked: answers differ by {drift:.2g} at most", False
    return f"answers differ by {drift:.2g}: measure it here with `limbeck evaluate`, or quantise it here", True


def _answers(predictor: "Predictor", vocabulary: int) -> np.ndarray:
    """For each input, or each of its tokens, every label's probability, or the value; flat."""
    draw = Random(0)  # whose numbers are the same in every version
    rows = 1 if predictor.task.per_word else _TEXTS
    ids = [[draw.randrange(vocabulary) for _ in range(_LENGTH)] for _ in range(rows)]
    answer: Answer = predictor.task.answer
    logits = predictor.run_ids(np.array(ids, dtype=np.int64))
    return activated(logits.reshape(-1, logits.shape[-1]), answer).astype(np.float64).reshape(-1)

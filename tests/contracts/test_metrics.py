"""Every file on the metrics shelf keeps the promises of `text.port.Metric`."""

import dataclasses
import inspect
import math
import re

import numpy as np
import pytest
import yaml

from limbeck.core.predictions import Predictions, gather
from limbeck.core.shelf import shelf

NAMES = shelf("metrics").names()
TASKS = [shelf("tasks").build(shelf("tasks").spec(name)(), ("a", "b")) for name in shelf("tasks").names()]
CASES = sorted({(metric, task.answer) for task in TASKS for metric in task.metrics})
"""Every metric with each kind of answer that some task measures by it."""
UNDEFINED_FOR_ONE = {
    *((name, right) for name in ("roc_auc", "pearson", "spearman") for right in (True, False)),
    ("concordance", True),
}
"""Metric, and whether the one example is answered rightly."""
TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def predictions_for(name: str, answer: str, seed: int, classes: int = 4, examples: int = 60) -> Predictions:
    """Random answers that are better than guessing: tags for entity metrics, one item per example for the others."""
    rng = np.random.default_rng(seed)
    if answer != "class":
        return _numbers(answer, rng, classes, examples)
    labels = TAGS if name.startswith("entity_") else tuple(f"label {i}" for i in range(classes))
    lengths = rng.integers(0, 9, examples) if name.startswith("entity_") else np.ones(examples, dtype=int)
    targets = [rng.integers(0, len(labels), n) for n in lengths]
    logits = [np.round(rng.normal(size=(len(t), len(labels))) + 2 * np.eye(len(labels))[t], 1) for t in targets]
    return gather(labels, logits, [t.tolist() for t in targets])


def _numbers(answer: str, rng: np.random.Generator, classes: int, examples: int) -> Predictions:
    """Values with ties, or sets of labels."""
    if answer == "value":
        truth = rng.integers(-3, 4, (examples, 1)) + 0.5
        return gather(
            ("value",), list((truth + rng.normal(size=truth.shape).round(1))[:, None]), truth.tolist(), "value"
        )
    truth = (rng.random((examples, classes)) < 0.3).astype(float)
    logits = (3 * truth - 1.5 + rng.normal(size=truth.shape)).round(1)
    names = [f"label {i}" for i in range(classes)]
    return gather(names, list(logits[:, None]), [[row] for row in truth.tolist()], "classes")


def sure(predictions: Predictions, targets: np.ndarray) -> Predictions:
    """The same with answers that are these targets, and no doubt."""
    if predictions.answer == "class":
        targets = np.eye(len(predictions.labels))[targets]
    return dataclasses.replace(predictions, probabilities=targets.reshape(predictions.probabilities.shape))


def take(predictions: Predictions, examples: list[int]) -> Predictions:
    """The predictions of `examples` only, in that order."""
    items = [np.arange(*predictions.offsets[i : i + 2]) for i in examples]
    rows = np.concatenate(items).astype(int)
    offsets = np.cumsum([0, *map(len, items)])
    chosen = {"probabilities": predictions.probabilities[rows], "targets": predictions.targets[rows]}
    return dataclasses.replace(predictions, **chosen, offsets=offsets)


def test_every_metric_is_some_tasks():
    assert {name for name, _ in CASES} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestFile:
    def test_spec_survives_yaml(self, name):
        spec = shelf("metrics").parse(name, "metric")
        plain = yaml.safe_load(yaml.safe_dump({"kind": spec.kind, **spec.model_dump(mode="json")}))
        assert shelf("metrics").parse(plain, "metric") == spec
        assert spec.kind == name

    def test_cites_its_source_and_says_its_unit(self, name):
        module = shelf("metrics").load(name)
        assert re.search(r"arXiv:|doi:|sklearn\.metrics\.|https://", inspect.getdoc(module) or "")
        assert module.build(module.Spec()).unit in {"fraction", "coefficient", "nats", "unit", "unit²"}


@pytest.mark.parametrize(("name", "answer"), CASES)
class TestContract:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("classes", [2, 4, 11])
    def test_weights_of_one_give_the_value_of_the_library(self, name, answer, seed, classes):
        metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
        predictions = predictions_for(name, answer, seed, classes)
        resampled = metric.resampled(predictions, np.ones((2, len(predictions))))
        assert resampled == pytest.approx([metric.value(predictions)] * 2, abs=1e-9)
        assert resampled.shape == (2,)

    def test_a_weight_of_two_counts_an_example_twice(self, name, answer):
        metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
        predictions = predictions_for(name, answer, 3)
        weights = np.random.default_rng(4).integers(0, 3, (4, len(predictions)))
        copies = [take(predictions, np.repeat(np.arange(len(predictions)), row).tolist()) for row in weights]
        expected = [metric.value(copy) for copy in copies]
        assert metric.resampled(predictions, weights) == pytest.approx(expected, abs=1e-9)

    def test_order_of_examples_changes_nothing(self, name, answer):
        metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
        predictions = predictions_for(name, answer, 5)
        shuffled = take(predictions, np.random.default_rng(6).permutation(len(predictions)).tolist())
        assert metric.value(shuffled) == pytest.approx(metric.value(predictions), abs=1e-12)

    def test_unknown_targets_are_ignored(self, name, answer):
        metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
        predictions = predictions_for(name, answer, 7)
        targets = predictions.targets.copy()
        nothing = -1 if answer == "class" else np.nan
        for example in (1, 2, 30):
            targets[slice(*predictions.offsets[example : example + 2])] = nothing
        unknown = dataclasses.replace(predictions, targets=targets)
        rest = take(predictions, [i for i in range(len(predictions)) if i not in (1, 2, 30)])
        assert metric.value(unknown) == pytest.approx(metric.value(rest), abs=1e-12)
        assert metric.resampled(unknown, np.ones((1, 60)))[0] == pytest.approx(metric.value(rest), abs=1e-9)

    def test_perfect_answers_are_best(self, name, answer):
        metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
        predictions = predictions_for(name, answer, 8)
        best = metric.value(sure(predictions, predictions.targets))
        assert best == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=1e-9)
        assert (best > metric.value(predictions)) is metric.higher_is_better

    @pytest.mark.parametrize("right", [True, False])
    def test_is_finite_on_a_single_example(self, name, answer, right):
        metric = shelf("metrics").build(shelf("metrics").parse(name, "metric"))
        single = take(predictions_for(name, answer, 9), [4])
        other = single.targets + 1 if answer == "value" else (single.targets + 1) % max(len(single.labels), 2)
        single = sure(single, single.targets if right else other)
        assert math.isfinite(metric.value(single)) is ((name, right) not in UNDEFINED_FOR_ONE)
        assert metric.resampled(single, np.ones((1, 1))) == pytest.approx([metric.value(single)], abs=1e-9, nan_ok=True)

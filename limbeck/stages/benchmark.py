"""Measure how fast models answer: text in, answer out, tokenising included, on the rows of the test split.

All models are timed in turn within each round, so that a noisy machine treats them alike; speed-ups are ratios within
one run. Latency is one text at a time; throughput is all texts at once, batched by tokens.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import DataError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.measurement import Measurement, write_measurements
from limbeck.core.spec import Spec as CoreSpec
from limbeck.engine.score import open_scorer, torch_threads
from limbeck.text.examples import read_examples
from limbeck.text.port import Example, Scorer

_DRAWS = 1000


class Spec(CoreSpec):
    """Benchmark."""

    threads: int = Field(1, ge=1)
    """Processor threads; 1 is what a phone or a busy server gives."""
    texts: int = Field(100, ge=10)
    """How many texts are timed, drawn from the test split."""
    rounds: int = Field(5, ge=2)
    """How often each is timed; a text's latency is its median over the rounds."""
    baseline: str = "teacher"
    """Role that the others' speed is a multiple of."""
    seed: int = Field(0, ge=0)
    """Of the drawing of texts."""


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Time the models.

    Args:
        spec: How.
        inputs: `data`, made by `prepare`, and a model Bundle for every other role.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        RecipeError: No model is given.
        DataError: The data has no texts to time.
    """
    models = {role: bundle for role, bundle in inputs.items() if role != "data"}
    if not models:
        raise RecipeError("benchmark.from: give at least one model besides `data`")
    split, examples = _draw(spec, inputs["data"])
    with torch_threads(spec.threads):
        scorers = {role: open_scorer(bundle, spec.threads, torch.device("cpu")) for role, bundle in models.items()}
        single, whole = _time(spec, scorers, examples, log)
    measurements = _measure(spec, single, whole, split, len(examples))
    with create_bundle(out, "benchmark", spec, inputs) as draft:
        write_measurements(draft.path / "measurements.json", measurements)
        draft.facts |= {
            "threads": spec.threads,
            "texts": len(examples),
            "rounds": spec.rounds,
            "baseline": spec.baseline,
        }
    slower = [m.model for m in measurements if m.metric == "speedup" and m.value < 1]
    for role in slower:
        log.warn(f"{role} is not faster than {spec.baseline} on this processor")
    return open_bundle(out)


def _draw(spec: Spec, data: Bundle) -> tuple[str, list[Example]]:
    for split in ("test", "dev"):
        if examples := read_examples(data, split):
            chosen = np.random.default_rng(spec.seed).permutation(len(examples))[: spec.texts]
            return split, [examples[i] for i in chosen]
    raise DataError(f"{data.path}: no test or dev rows to time")


def _time(
    spec: Spec, scorers: Mapping[str, Scorer], examples: Sequence[Example], log: Journal
) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Seconds by role: `[rounds, texts]` one at a time, and `[rounds]` all at once."""
    single = {role: np.zeros((spec.rounds, len(examples))) for role in scorers}
    whole: dict[str, list[float]] = {role: [] for role in scorers}
    for scorer in scorers.values():
        for example in examples[:10]:
            scorer.logits([example])
    with log.bar(f"benchmark, {spec.threads} thread(s)", spec.rounds * len(scorers), "rounds") as bar:
        for number in range(spec.rounds):
            for role, scorer in scorers.items():
                for place, example in enumerate(examples):
                    start = time.perf_counter()
                    scorer.logits([example])
                    single[role][number, place] = time.perf_counter() - start
                start = time.perf_counter()
                scorer.logits(examples)
                whole[role].append(time.perf_counter() - start)
                bar.advance()
    return single, whole


def _measure(
    spec: Spec, single: Mapping[str, np.ndarray], whole: Mapping[str, Sequence[float]], split: str, n: int
) -> list[Measurement]:
    random = np.random.default_rng(spec.seed)
    draws = random.integers(0, n, (_DRAWS, n))
    medians = {role: 1e3 * np.median(times, axis=0) for role, times in single.items()}
    measurements = []
    for role, of_texts in medians.items():
        for name, share in (("latency_p50", 50), ("latency_p95", 95)):
            low, high = np.percentile(np.percentile(of_texts[draws], share, axis=1), (2.5, 97.5))
            value = float(np.percentile(of_texts, share))
            measurements.append(Measurement(role, name, value, "ms", split, n, float(low), float(high)))
        rate = n / float(np.median(whole[role]))
        measurements.append(Measurement(role, "throughput", rate, "sentences/s", split, n))
        if spec.baseline in medians:
            base = medians[spec.baseline]
            ratio = np.median(base[draws], axis=1) / np.median(of_texts[draws], axis=1)
            low, high = np.percentile(ratio, (2.5, 97.5))
            value = float(np.median(base) / np.median(of_texts))
            measurements.append(Measurement(role, "speedup", value, "ratio", split, n, float(low), float(high)))
    return measurements

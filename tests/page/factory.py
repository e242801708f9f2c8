"""Whole runs made by hand: data, models, evaluation and benchmark as Bundles, in a second, from random answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.measurement import Measurement, write_measurements
from limbeck.core.predictions import Predictions, gather
from limbeck.core.spec import Spec
from limbeck.evidence.costs import model_costs
from limbeck.evidence.measuring import Measuring
from limbeck.text.examples import write_examples
from limbeck.text.port import Example

ROLES = ("teacher", "student", "bundle")
SKILL = {"teacher": 2.6, "student": 2.4, "bundle": 2.3}
"""How far the logit of the truth stands out, by role."""


@dataclass
class Run:
    """What a run is to be like.

    Attributes:
        labels: Label names; IOB2 with `O` first makes a run of tags.
        texts: Texts to draw from; words for tags.
        n: Test examples.
        name: Of the data.
        warnings: Of the data.
        odd: Role → warnings of that model.
        roles: Models, the first is the baseline.
        epochs: Records in the history of each trained model.
        draws: Bootstrap resamples.
    """

    labels: Sequence[str] = ("negative", "positive")
    texts: Sequence[str] = ("a fine film", "dull and overlong", "the cast is good , the script is not")
    n: int = 120
    name: str = "reviews"
    warnings: Sequence[str] = ()
    odd: Mapping[str, Sequence[str]] = field(default_factory=dict)
    roles: Sequence[str] = ROLES
    epochs: int = 3
    draws: int = 100
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tags(self) -> bool:
        """Whether each word has a label."""
        return self.labels[0] == "O"

    @property
    def task(self) -> dict[str, Any]:
        """The task as facts hold it."""
        return {"kind": "token_classification" if self.tags else "text_classification"}

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return "entity_f1" if self.tags else "accuracy"

    def examples(self) -> list[Example]:
        """The test rows."""
        rng = np.random.default_rng(1)
        if not self.tags:
            targets = rng.choice(self.labels, self.n)
            return [Example(self.texts[i % len(self.texts)], target=str(t)) for i, t in enumerate(targets)]
        return [_sentence(rng, self.texts, self.labels) for _ in range(self.n)]

    def predictions(self, examples: Sequence[Example]) -> dict[str, Predictions]:
        """Answers of each model, which err on much the same examples."""
        index = {label: i for i, label in enumerate(self.labels)}
        rows = [e.target if self.tags else [e.target] for e in examples]
        targets = [[index[t] for t in row] for row in rows]
        rng = np.random.default_rng(2)
        shared = [rng.normal(size=(len(t), len(self.labels))) for t in targets]
        found = {}
        for role in self.roles:
            skill = SKILL.get(role, 2.0) + (2 if self.tags else 0)
            logits = [
                1.35 * (skill * np.eye(len(self.labels))[t] + s + 0.35 * rng.normal(size=s.shape))
                for t, s in zip(targets, shared, strict=True)
            ]
            found[role] = gather(self.labels, logits, targets)
        return found

    def make(self, folder: Path) -> dict[str, Bundle]:
        """Make the Bundles, by role, as a stage gets them."""
        examples = self.examples()
        data = _data(folder / "data", self, examples)
        models = _models(folder, self, data)
        evaluation = _evaluation(folder / "evaluation", self, data, models, examples)
        benchmark = _benchmark(folder / "benchmark", self, data, models)
        return {"data": data, **models, "evaluation": evaluation, "benchmark": benchmark}


def _sentence(rng: np.random.Generator, words: Sequence[str], labels: Sequence[str]) -> Example:
    types = [label[2:] for label in labels if label.startswith("B-")]
    tags: list[str] = []
    for _ in range(int(rng.integers(2, 7))):
        tags += ["O"] * int(rng.integers(0, 4))
        kind = types[int(rng.integers(len(types)))]
        tags += [f"B-{kind}"] + [f"I-{kind}"] * int(rng.integers(0, 2))
    return Example([str(w) for w in rng.choice(words, len(tags))], target=tags)


def _data(path: Path, run: Run, examples: Sequence[Example]) -> Bundle:
    with create_bundle(path, "prepare", Spec(), {}) as draft:
        for split in ("train", "dev", "test"):
            write_examples(draft.path / f"{split}.jsonl", examples if split == "test" else examples[:20])
        draft.facts |= {
            "name": run.name, "task": run.task, "labels": list(run.labels), "warnings": list(run.warnings),
            "counts": {"train": 6920, "dev": 872, "test": run.n, "unlabelled": 0},
            "detected": [f"{run.name}.csv: CSV, 2 columns: text → text, label → label"],
        }  # fmt: skip
    return open_bundle(path)


def _models(folder: Path, run: Run, data: Bundle) -> dict[str, Bundle]:
    models: dict[str, Bundle] = {}
    sizes = {"teacher": 90_000, "student": 69_000, "bundle": 17_000}
    for number, role in enumerate(run.roles):
        onnx = role == "bundle"
        parents = {"model": models["student"]} if onnx and "student" in models else {**models, "data": data}
        with create_bundle(folder / role, "quantize" if onnx else "distil", Spec(), parents) as draft:
            name = "model.onnx" if onnx else "model.safetensors"
            (draft.path / name).write_bytes(bytes([number]) * sizes.get(role, 50_000))
            (draft.path / "tokenizer.json").write_text("{}")
            draft.facts |= {
                "task": run.task, "labels": list(run.labels), "max_length": 128,
                "dims": {"layers": 6 - 3 * bool(number), "hidden": 384, "heads": 12, "intermediate": 1536,
                         "vocabulary": 30522, "parameters": 22_713_986 - 5_322_000 * bool(number)},
                "history": _history(run, number), "warnings": list(run.odd.get(role, ())), **run.facts,
            }  # fmt: skip
            if onnx:
                draft.facts |= {
                    "precision": "int8", "parity": {"max_difference": 2.1e-6, "shapes": 14},
                    "gate": {"drop": 0.003, "agreement": 0.991, "metric": run.primary, "n": 872},
                }  # fmt: skip
        models[role] = open_bundle(folder / role)
    return models


def _history(run: Run, number: int) -> list[dict[str, Any]]:
    phases = ("finetune",) if number == 0 else ("inside", "outputs")
    terms = {"finetune": ("labels",), "inside": ("soft_targets", "hidden_states", "attention_relations"),
             "outputs": ("soft_targets", "labels")}  # fmt: skip
    records = []
    for phase in phases:
        for epoch in range(1, run.epochs + 1):
            values = {name: (0.9 - 0.2 * i) / epoch for i, name in enumerate(terms[phase])}
            score = 0.875 - 0.09 / (epoch + (phase == "outputs")) - 0.01 * number
            records.append({"phase": phase, "epoch": epoch, "loss": sum(values.values()), "terms": values,
                            "dev": {run.primary: score}, "seconds": 61.2})  # fmt: skip
    return records


def _evaluation(
    path: Path, run: Run, data: Bundle, models: Mapping[str, Bundle], examples: Sequence[Example]
) -> Bundle:
    names = (
        ("entity_f1", "entity_precision", "entity_recall", "accuracy", "ece")
        if run.tags
        else ("accuracy", "macro_f1", "mcc", "roc_auc", "log_loss", "ece")
    )
    with create_bundle(path, "evaluate", Spec(), {"data": data, **models}) as draft:
        (draft.path / "predictions").mkdir()
        predictions = run.predictions(examples)
        for role, one in predictions.items():
            one.save(draft.path / "predictions" / f"{role}.npz")
        measuring = Measuring(predictions, names, run.primary, run.roles[0], "test", run.draws)
        costs = [m for role, model in models.items() for m in model_costs(role, model)]
        write_measurements(draft.path / "measurements.json", [*measuring.measurements(), *costs])
        draft.facts |= {
            "task": run.task, "labels": list(run.labels), "primary": run.primary, "split": "test", "n": run.n,
            "roles": list(run.roles), "baseline": run.roles[0], "data": {k: data.facts[k] for k in ("name", "counts")},
        }  # fmt: skip
    return open_bundle(path)


def _benchmark(path: Path, run: Run, data: Bundle, models: Mapping[str, Bundle]) -> Bundle:
    with create_bundle(path, "benchmark", Spec(), {"data": data, **models}) as draft:
        rows = []
        for role, p50 in zip(run.roles, (18.4, 9.3, 2.61, 2.0), strict=False):
            rows += [
                Measurement(role, "latency_p50", p50, "ms", "test", 100, 0.97 * p50, 1.04 * p50),
                Measurement(role, "latency_p95", 1.7 * p50, "ms", "test", 100),
                Measurement(role, "throughput", 2300 / p50, "sentences/s", "test", 100),
                Measurement(role, "speedup", 18.4 / p50, "ratio", "test", 100),
            ]
        write_measurements(draft.path / "measurements.json", rows)
        draft.facts |= {"threads": 1, "texts": 100, "rounds": 5, "baseline": run.roles[0]}
    return open_bundle(path)

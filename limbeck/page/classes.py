"""Scores of each class by model, and which classes are worth showing where there are very many."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbeck.core.predictions import Array
from limbeck.page.findings import Findings
from limbeck.text.statistics import Counts, class_counts, entity_counts, entity_types


@dataclass(frozen=True)
class Classes:
    """What models got right of each class.

    Attributes:
        noun: What a class is: `label` or `entity type`.
        names: All of them.
        counts: Role → counts `[classes]`.
    """

    noun: str
    names: tuple[str, ...]
    counts: Mapping[str, Counts]

    def most_confused(self, limit: int) -> Array:
        """Indices of the classes with most errors over all models, in their own order."""
        errors = sum(c.truths + c.answers - 2 * c.hits for c in self.counts.values())
        return np.sort(np.argsort(-np.asarray(errors), kind="stable")[:limit])

    def choice(self, limit: int) -> str:
        """What to say where not all classes are shown."""
        if len(self.names) <= limit:
            return ""
        return f"The {limit} of {len(self.names)} {self.noun}s with most errors."


def labels_of(findings: Findings) -> Classes:
    """Scores of each label."""
    counts = {role: _total(class_counts(p)) for role, p in findings.predictions.items()}
    return Classes("label", tuple(findings.facts["labels"]), counts)


def scored_classes(findings: Findings) -> Classes:
    """Scores of what the task is about: entity types for tags, labels otherwise, nothing for values."""
    if findings.answer == "value":
        return Classes("value", (), {})
    if not findings.tags:
        return labels_of(findings)
    counts = {role: _total(entity_counts(p)) for role, p in findings.predictions.items()}
    return Classes("entity type", entity_types(tuple(findings.facts["labels"])), counts)


def _total(counts: Counts) -> Counts:
    return Counts(counts.hits.sum(0), counts.truths.sum(0), counts.answers.sum(0))

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from limbeck.page.classes import labels_of, scored_classes
from limbeck.page.findings import Findings
from tests.page.factory import Run


def test_scores_of_labels_are_those_of_scikit_learn(tmp_path):
    findings = Findings.of(Run(labels=["a", "b", "c"], n=80, epochs=0).make(tmp_path))
    classes = scored_classes(findings)
    one = findings.predictions["student"]
    precision, recall, f1, _ = precision_recall_fscore_support(one.targets, one.answers, labels=[0, 1, 2])
    counts = classes.counts["student"]
    assert (classes.noun, classes.names) == ("label", ("a", "b", "c"))
    assert np.stack([counts.precision, counts.recall, counts.f1]) == pytest.approx(np.stack([precision, recall, f1]))


def test_tags_are_scored_by_entity_type(tmp_path):
    run = Run(labels=["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], texts=["w"], n=20, epochs=0)
    findings = Findings.of(run.make(tmp_path))
    assert (scored_classes(findings).noun, scored_classes(findings).names) == ("entity type", ("LOC", "PER"))
    assert labels_of(findings).names == tuple(run.labels)


def test_the_most_confused_are_chosen_in_their_own_order(tmp_path):
    classes = labels_of(Findings.of(Run(labels=[str(i) for i in range(9)], n=90, epochs=0).make(tmp_path)))
    errors = sum(c.truths + c.answers - 2 * c.hits for c in classes.counts.values())
    chosen = classes.most_confused(4)
    assert list(chosen) == sorted(chosen)
    assert errors[chosen].min() >= np.delete(errors, chosen).max()
    assert classes.choice(4) == "The 4 of 9 labels with most errors."
    assert classes.choice(9) == ""

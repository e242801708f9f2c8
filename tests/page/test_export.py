import csv

import pytest

from limbeck.core.predictions import Predictions
from limbeck.page.classes import labels_of
from limbeck.page.export import class_rows, prediction_rows, safe_cell, write_csv
from limbeck.page.findings import Findings
from limbeck.text.examples import read_examples
from tests.page.factory import Run


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "-", "=", "-1 or so"])
def test_formulas_are_disarmed(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["-1", "+2.5", "-1.5e-07", "-.5", "", "good", "a=b", "' quoted"])
def test_numbers_and_plain_text_are_left_alone(text):
    assert safe_cell(text) == text


def test_cells_survive_quotes_line_breaks_and_surrogates(tmp_path):
    write_csv(tmp_path / "x.csv", [['say "a"', "b\nc", "\ud800", "d\0"]])
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [['say "a"', "b\nc", "\\ud800", "d�"]]


def read(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def predictions_of(folder, run: Run) -> tuple[list[dict[str, str]], dict[str, Predictions]]:
    bundles = run.make(folder)
    findings = Findings.of(bundles)
    write_csv(folder / "rows.csv", prediction_rows(findings, read_examples(bundles["data"], "test")))
    return read(folder / "rows.csv"), findings.predictions


def test_predictions_hold_every_answer(tmp_path):
    rows, predictions = predictions_of(tmp_path, Run(texts=["=cmd()", "fine"], n=30, epochs=0))
    assert len(rows) == 30
    assert {row["text"] for row in rows} == {"'=cmd()", "fine"}
    bundle = predictions["bundle"]
    assert [row["bundle"] for row in rows] == [bundle.labels[a] for a in bundle.answers]
    assert [row["truth"] for row in rows] == [bundle.labels[t] for t in bundle.targets]
    assert [float(r["bundle_confidence"]) for r in rows] == pytest.approx(bundle.probabilities.max(1), abs=1e-6)


def test_tags_stand_in_one_cell_and_are_as_sure_as_the_least_sure(tmp_path):
    labels = ["O", "B-LOC", "I-LOC"]
    rows, predictions = predictions_of(tmp_path, Run(labels=labels, texts=["Oslo", "is"], n=10, epochs=0))
    student = predictions["student"]
    assert rows[0]["student"] == " ".join(student.tags(student.answers)[0])
    assert len(rows[0]["text"].split()) == len(rows[0]["truth"].split())
    first = student.probabilities[: student.offsets[1]]
    assert float(rows[0]["student_confidence"]) == pytest.approx(first.max(1).min(), abs=1e-6)


def test_classes_hold_every_score(tmp_path):
    findings = Findings.of(Run(labels=["a", "b", "c"], n=60, epochs=0).make(tmp_path))
    write_csv(tmp_path / "rows.csv", class_rows(labels_of(findings)))
    rows = read(tmp_path / "rows.csv")
    assert [(r["class"], r["model"]) for r in rows[:4]] == [
        ("a", "teacher"), ("a", "student"), ("a", "bundle"), ("b", "teacher"),
    ]  # fmt: skip
    teacher = findings.predictions["teacher"]
    right = int(((teacher.targets == 0) & (teacher.answers == 0)).sum())
    assert int(rows[0]["right"]) == right
    assert float(rows[0]["recall"]) == pytest.approx(right / (teacher.targets == 0).sum(), abs=1e-6)

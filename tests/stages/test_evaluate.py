import numpy as np
import pytest

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, DataError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.measurement import find, read_measurements
from limbeck.core.predictions import Predictions
from limbeck.core.spec import Spec
from limbeck.stages import evaluate
from limbeck.text.examples import write_examples
from limbeck.text.port import Example
from tests.makers import onnx_bundle

LOG = Journal(quiet=True)
LABELS = ("bad", "good")
TEXTS = ("the film is good", "a bad film", "not good", "very very bad", "good", "the film")


def data_bundle(path, *, test=True, kind="text_classification", labels=LABELS) -> Bundle:
    """Data whose dev and, if wanted, test rows are labelled; one test row is not."""
    if kind == "token_classification":
        rows = [
            Example(["anna", "visited", "oslo"], target=["B-PER", "O", "B-LOC"]),
            Example(["lima"], target=["B-LOC"]),
        ]
    else:
        rows = [Example(text, target=labels[i % 2]) for i, text in enumerate(TEXTS)]
    with create_bundle(path, "prepare", Spec(), {}) as draft:
        write_examples(draft.path / "train.jsonl", rows)
        write_examples(draft.path / "dev.jsonl", rows[:2])
        write_examples(draft.path / "test.jsonl", [*(rows if test else ()), Example(rows[0].text)])
        draft.facts |= {"task": {"kind": kind}, "labels": list(labels), "counts": {"test": 7}, "name": "films"}
    return open_bundle(path)


@pytest.fixture
def inputs(tmp_path) -> dict[str, Bundle]:
    return {
        "data": data_bundle(tmp_path / "data"),
        "student": onnx_bundle(tmp_path / "student", "text_classification", LABELS, segments=False),
        "teacher": onnx_bundle(
            tmp_path / "teacher", "text_classification", LABELS,
            dims={"layers": 6, "hidden": 8, "heads": 1, "intermediate": 8, "vocabulary": 207, "parameters": 1234},
        ),
    }  # fmt: skip


def test_measures_every_metric_of_the_task_for_every_model(inputs, tmp_path):
    out = evaluate.run(evaluate.Spec(draws=100), inputs, tmp_path / "evaluation", LOG).verify()
    rows = read_measurements(out.file("measurements.json"))
    for role in ("teacher", "student"):
        stored = Predictions.read(out.file(f"predictions/{role}.npz"))
        accuracy = find(rows, role, "accuracy", "test")
        assert accuracy.value == pytest.approx((stored.answers == stored.targets).mean())
        assert accuracy.n == len(stored) == 6
        assert accuracy.low <= accuracy.value <= accuracy.high
        assert find(rows, role, "size_bytes").value == inputs[role].path.joinpath("model.onnx").stat().st_size
        assert {"macro_f1", "mcc", "roc_auc", "log_loss", "ece"} <= {m.metric for m in rows if m.model == role}
    assert find(rows, "teacher", "parameters").value == 1234
    assert find(rows, "student", "agreement_with_teacher").unit == "fraction"
    assert 0 < find(rows, "student", "mcnemar_p_against_teacher").value <= 1
    assert find(rows, "student", "retention") is not None


def test_facts_tell_what_was_measured_baseline_first(inputs, tmp_path):
    facts = evaluate.run(evaluate.Spec(draws=100), inputs, tmp_path / "evaluation", LOG).facts
    assert facts["roles"] == ["teacher", "student"]
    assert (facts["primary"], facts["split"], facts["n"], facts["labels"]) == ("accuracy", "test", 6, list(LABELS))
    assert facts["data"] == {"name": "films", "counts": {"test": 7}}


def test_unlabelled_test_rows_fall_back_to_dev_with_a_warning(inputs, tmp_path):
    log = Journal(tmp_path / "log.jsonl", quiet=True)
    inputs["data"] = data_bundle(tmp_path / "unlabelled", test=False)
    out = evaluate.run(evaluate.Spec(draws=100), inputs, tmp_path / "evaluation", log)
    assert (out.facts["split"], out.facts["n"]) == ("dev", 2)
    assert "no labelled test rows; measured on dev instead" in (tmp_path / "log.jsonl").read_text()


def test_no_labelled_rows_at_all_is_an_error(inputs, tmp_path):
    with create_bundle(tmp_path / "none", "prepare", Spec(), {}) as draft:
        for split in ("train", "dev", "test"):
            write_examples(draft.path / f"{split}.jsonl", [Example("x")])
        draft.facts |= inputs["data"].facts
    inputs["data"] = open_bundle(tmp_path / "none")
    with pytest.raises(DataError, match="no labelled rows in test or dev"):
        evaluate.run(evaluate.Spec(), inputs, tmp_path / "evaluation", LOG)


def test_a_metric_without_a_value_is_left_out_and_logged(inputs, tmp_path):
    single = data_bundle(tmp_path / "single")
    with create_bundle(tmp_path / "one", "prepare", Spec(), {}) as draft:
        for split in ("train", "dev", "test"):
            write_examples(draft.path / f"{split}.jsonl", [Example("good film", target="good")] * 3)
        draft.facts |= single.facts
    inputs["data"] = open_bundle(tmp_path / "one")
    log = Journal(tmp_path / "log.jsonl", quiet=True)
    out = evaluate.run(evaluate.Spec(draws=100), inputs, tmp_path / "evaluation", log)
    rows = read_measurements(out.file("measurements.json"))
    assert find(rows, "student", "roc_auc") is None
    assert all(np.isfinite(m.value) for m in rows)
    assert '"metric": "roc_auc"' in (tmp_path / "log.jsonl").read_text()


def test_tags_are_measured_by_entities(tmp_path):
    labels = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    inputs = {
        "data": data_bundle(tmp_path / "data", kind="token_classification", labels=labels),
        "student": onnx_bundle(tmp_path / "student", "token_classification", labels),
    }
    out = evaluate.run(evaluate.Spec(draws=100), inputs, tmp_path / "evaluation", LOG)
    rows = read_measurements(out.file("measurements.json"))
    assert out.facts["primary"] == "entity_f1"
    assert find(rows, "student", "entity_f1").n == 2
    assert find(rows, "student", "retention") is None


@pytest.mark.parametrize("labels", [("good", "bad"), ("bad", "fine"), ("bad", "good", "so so")])
def test_other_labels_are_refused(inputs, tmp_path, labels):
    inputs["student"] = onnx_bundle(tmp_path / "other", "text_classification", labels)
    with pytest.raises(
        BundleError, match=r"student answers with the labels .*, but the data .*/data has 'bad', 'good'"
    ):
        evaluate.run(evaluate.Spec(), inputs, tmp_path / "evaluation", LOG)
    assert not (tmp_path / "evaluation").exists()


def test_a_role_must_be_able_to_name_a_file(inputs, tmp_path):
    inputs["../x"] = inputs.pop("student")
    with pytest.raises(RecipeError, match=r"the role '\.\./x' may hold letters"):
        evaluate.run(evaluate.Spec(), inputs, tmp_path / "evaluation", LOG)


def test_a_model_is_needed(inputs, tmp_path):
    with pytest.raises(RecipeError, match="no model among the inputs"):
        evaluate.run(evaluate.Spec(), {"data": inputs["data"]}, tmp_path / "evaluation", LOG)

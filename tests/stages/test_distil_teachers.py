"""Students of several teachers, and of teachers that are cut differently: what they learn, what is refused."""

import numpy as np
import pytest

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, LimbeckError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.recipe import from_plain
from limbeck.engine.score import open_scorer, predict_split
from limbeck.nn.checkpoint import load_bundle, save
from limbeck.nn.heads import order_labels
from limbeck.nn.tokenizers import save_tokenizer
from limbeck.pipeline import resolve, run, run_stage
from limbeck.stages.distil import Spec
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_task
from tests import models
from tests.makers import byte_tokenizer
from tests.stages.conftest import made
from tests.stages.test_finetune import score

ONCE = {"objectives": ["soft_targets", "hidden_states"], "epochs": 1, "learning_rate": 1e-3, "batch_size": 16}
ANSWERS = {"objectives": ["soft_targets", "labels"], "epochs": 8, "learning_rate": 3e-3, "batch_size": 16}


@pytest.fixture(scope="module")
def poor(folder, data, teacher) -> Bundle:
    """A teacher of the same kind that has learned little."""
    fields = {"model": str(folder / "backbone"), "max_length": 32, "epochs": 1, "learning_rate": 1e-4, "seed": 5}
    return made("finetune", folder / "poor", {"data": data}, **fields)


@pytest.fixture(scope="module")
def general(folder) -> str:
    """A DistilBERT with a byte-level tokenizer."""
    return str(models.backbone(folder / "general", "distilbert", layers=2, tokenizer=byte_tokenizer()))


def losses(bundle: Bundle) -> list[float]:
    return [value for epoch in bundle.facts["history"] for value in epoch["terms"].values()]


@pytest.mark.parametrize("how", ["mean", "by_dev_loss", "by_confidence"])
def test_equal_teachers_teach_as_one(teacher, data, tmp_path, how):
    alone = made("distil", tmp_path / "a" / "s", {"teacher": teacher, "data": data}, **ONCE)
    both = {"teacher": teacher, "teacher_2": teacher, "data": data}
    assert losses(made("distil", tmp_path / "b" / "s", both, teachers=how, **ONCE)) == pytest.approx(
        losses(alone), rel=1e-4
    )


def test_shares_go_with_the_probability_given_to_the_truth(teacher, poor, data, tmp_path):
    inputs = {"teacher_2": poor, "data": data, "teacher": teacher}
    student = made("distil", tmp_path / "s", inputs, teachers="by_dev_loss", **ONCE)
    dev, given = read_examples(data, "dev", labelled=True), []
    for bundle in (teacher, poor):
        found = predict_split(open_scorer(bundle), open_task(bundle), dev)
        given.append(np.exp(np.log(found.probabilities[np.arange(len(dev)), found.targets]).mean()))
    shares = student.facts["shares"]
    assert list(shares) == ["teacher", "teacher_2"]
    assert list(shares.values()) == pytest.approx((np.array(given) / sum(given)).tolist(), rel=1e-4)
    assert shares["teacher"] > 0.55


def test_online_teachers_give_the_same_student_as_the_cache(teacher, poor, data, general, tmp_path):
    inputs = {"teacher": teacher, "teacher_2": poor, "data": data}
    fields = {**ANSWERS, "epochs": 2, "student": general, "teachers": "by_confidence"}
    cached = made("distil", tmp_path / "a" / "s", inputs, **fields)
    online = made("distil", tmp_path / "b" / "s", inputs, cache_gb=0, **fields)
    assert (tmp_path / "a" / "cache").exists()
    assert not (tmp_path / "b" / "cache").exists()
    assert losses(online) == pytest.approx(losses(cached), rel=1e-3)


def test_a_student_with_its_own_tokenizer_learns_texts(teacher, data, general, tmp_path):
    fields = {**ANSWERS, "epochs": 20, "student": general}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert score(student, data) > 0.75
    assert student.facts["labels"] == teacher.facts["labels"]
    assert student.file("tokenizer.json").read_text() != teacher.file("tokenizer.json").read_text()
    before = student.manifest["created"]
    assert made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields).manifest["created"] == before


def test_a_student_with_its_own_tokenizer_learns_vectors_of_texts(teacher, data, general, tmp_path):
    fields = {"objectives": ["embedding", "similarity"], "epochs": 6, "learning_rate": 3e-3, "student": general}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    first, *_, last = (epoch["terms"] for epoch in student.facts["history"])
    assert last["embedding"] < 0.7 * first["embedding"]
    assert last["similarity"] < first["similarity"]


def test_vectors_of_windows_are_not_compared_where_windows_differ(tagger, tags, general, tmp_path):
    fields = {"student": general, "objectives": ["embedding"]}
    with pytest.raises(
        RecipeError, match=r"objectives: embedding compare .* window by window, .* cut texts differently"
    ):
        made("distil", tmp_path / "s", {"teacher": tagger, "data": tags}, **fields)


def test_a_student_with_its_own_tokenizer_and_windows_learns_words(tagger, tags, general, tmp_path):
    fields = {"student": f"layers=1 of {general}", "max_length": 12, **ANSWERS}
    student = made("distil", tmp_path / "s", {"teacher": tagger, "data": tags}, **fields)
    assert score(student, tags) > 0.6
    assert student.facts["dims"]["layers"] == 1
    assert student.facts["max_length"] == 12


def test_a_student_of_another_family_may_look_inside_where_tokens_are_the_same(teacher, data, folder, tmp_path):
    other = models.backbone(folder / "same-tokens", "distilbert", hidden=16)
    fields = {**ONCE, "student": f"half of {other}", "objectives": ["hidden_states", "attention_relations"]}
    student = made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **fields)
    assert (student.facts["dims"]["layers"], student.facts["dims"]["hidden"]) == (2, 16)


@pytest.mark.slow
def test_a_student_with_its_own_tokenizer_learns_values(folder, general, tmp_path):
    data = made("prepare", tmp_path / "data", train=str(models.similarities(tmp_path / "rows.csv", 300)))
    fields = {"model": str(models.backbone(tmp_path / "bert")), "max_length": 32, "epochs": 8, "learning_rate": 3e-3}
    teachers = {f"teacher{n}": made("finetune", tmp_path / f"t{n}", {"data": data}, **fields) for n in ("", "_2")}
    fields = {**ANSWERS, "student": general, "teachers": "by_dev_loss"}
    student = made("distil", tmp_path / "s", {**teachers, "data": data}, **fields)
    assert student.facts["shares"]["teacher"] == pytest.approx(0.5)
    assert score(student, data) > 0.3
    with pytest.raises(RecipeError, match="a value tells nothing of how sure a teacher is; take mean or by_dev_loss"):
        made("distil", tmp_path / "n", {**teachers, "data": data}, teachers="by_confidence")


def turned(teacher: Bundle, path) -> Bundle:
    """The teacher, its labels in another order."""
    with create_bundle(path, "finetune", Spec(), {}) as draft:
        model = load_bundle(teacher)
        order_labels(model, teacher.labels, teacher.labels[::-1])
        save(model, draft.path)
        save_tokenizer(teacher.path, draft.path)
        draft.facts |= {**teacher.facts, "labels": list(teacher.labels[::-1])}
    return open_bundle(path)


def test_labels_in_another_order_are_put_in_order(teacher, data, tmp_path):
    fields = {**ONCE, "objectives": ["soft_targets", "labels"]}
    found = [
        made("distil", tmp_path / name / "s", {"teacher": bundle, "teacher_2": teacher, "data": data}, **fields)
        for name, bundle in (("a", teacher), ("b", turned(teacher, tmp_path / "turned")))
    ]
    assert found[1].facts["labels"] == list(teacher.labels)
    assert losses(found[1]) == pytest.approx(losses(found[0]), rel=1e-5)


@pytest.mark.parametrize("named", [False, True], ids=["role", "directory"])
def test_a_student_keeps_a_head_that_answers_with_the_same_labels(teacher, data, tmp_path, capsys, named):
    begun = turned(teacher, tmp_path / "turned")
    fields = {"student": str(begun.path) if named else "same", "objectives": ["soft_targets"], "epochs": 1}
    inputs = {"teacher": teacher, "data": data, **({} if named else {"student": begun})}
    student = run_stage("distil", inputs, {**fields, "learning_rate": 1e-9}, tmp_path / "s", (), Journal())
    assert losses(student)[0] < 1e-6  # from the first step on it answers as its teacher does
    assert "with its own head" in " ".join(capsys.readouterr().err.split())


def test_a_student_loses_a_head_of_other_answers(teacher, tagger, data, tmp_path, capsys):
    inputs = {"teacher": teacher, "data": data, "student": tagger}
    fields = {"student": "same", "objectives": ["soft_targets"], "epochs": 1, "learning_rate": 1e-9}
    assert losses(run_stage("distil", inputs, fields, tmp_path / "s", (), Journal()))[0] > 0.01
    assert "with a fresh head" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"phases\[0\].objectives: hidden_states, attention_relations compare .* \[soft_targets, labels\]"),
        ({"max_length": 99, **ANSWERS}, "--set distil.max_length=64"),
        ({"student": "nowhere/at/all"}, "'nowhere/at/all' is no shape .* and no model"),
        ({"student": "half of nowhere"}, "'nowhere' is no shape"),
    ],
)
def test_students_that_do_not_fit_are_refused(teacher, data, general, tmp_path, fields, message):
    with pytest.raises(LimbeckError, match=message):
        made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, **{"student": general, **fields})
    assert not (tmp_path / "s").exists()


def test_tokens_of_another_length_are_other_tokens(teacher, data, tmp_path):
    with pytest.raises(RecipeError, match=r"or max_length\) cut texts differently"):
        made("distil", tmp_path / "s", {"teacher": teacher, "data": data}, max_length=16)


def test_a_second_teacher_that_would_serve_is_named(teacher, data, general, folder, tmp_path):
    fields = {"model": general, "max_length": 32, "epochs": 1}
    other = made("finetune", tmp_path / "t", {"data": data}, **fields)
    inputs = {"teacher": other, "teacher_2": teacher, "data": data}
    with pytest.raises(RecipeError, match="let teacher_2, which has the student's, be `teacher`"):
        made("distil", tmp_path / "s", inputs, student=f"half of {folder / 'backbone'}")


@pytest.mark.parametrize(
    ("role", "message"), [("teacher_1", "give teacher and"), ("tutor", "found teacher, data, tutor")]
)
def test_other_roles_are_refused(teacher, data, tmp_path, role, message):
    with pytest.raises(RecipeError, match=message):
        made("distil", tmp_path / "s", {"teacher": teacher, "data": data, role: teacher})


def test_a_second_teacher_of_other_labels_is_refused(teacher, tagger, data, tmp_path):
    with pytest.raises(
        BundleError, match=r"tagger: .*one of .*B-LOC.* for each word; .* has one of negative, positive"
    ):
        made("distil", tmp_path / "s", {"teacher": teacher, "teacher_2": tagger, "data": data})


def foreseen(tmp_path, data, fields, family="bert", **inputs):
    """Run a recipe in which a teacher is still to be trained."""
    steps = [
        {"stage": "finetune", "out": "teacher", "from": {"data": str(data.path)}}
        | {"model": str(models.backbone(tmp_path / family, family)), "max_length": 32},
        {"stage": "distil", "name": "assistant", "from": {"teacher": "teacher", "data": str(data.path)}}
        | {"student": "3x24", "objectives": ["soft_targets"]},
        {"stage": "distil", "from": {"teacher": "assistant", "data": str(data.path), **inputs}, **fields},
    ]
    return run(resolve(from_plain({"limbeck": 1, "steps": steps}, "r")), tmp_path / "out", Journal(quiet=True))


def test_what_can_be_seen_is_refused_before_any_teacher_is_trained(data, tagger, general, tmp_path):
    for fields, inputs, message in (
        ({"student": "4x24"}, {}, "layers=4.*layers=3"),
        ({"student": general}, {}, "compare student and teacher token by token"),
        ({"max_length": 16}, {}, "cut texts differently"),
        ({}, {"teacher_2": str(tagger.path)}, "the teacher answers with one of O, B-LOC"),
        ({}, {"teacher_2": str(data.path)}, "fine-tuned|not a model|no PyTorch|answers"),
        ({}, {"tutor": "teacher"}, "distil.from: give teacher"),
    ):
        with pytest.raises(LimbeckError, match=message):
            foreseen(tmp_path, data, fields, **inputs)
        assert not (tmp_path / "out").exists()


def test_sizes_that_the_family_has_not_are_refused_before_any_teacher_is_trained(data, tmp_path):
    with pytest.raises(RecipeError, match="MobileBERT's bottlenecks tie its widths"):
        foreseen(tmp_path, data, {"student": "2x12"}, "mobilebert")
    assert not (tmp_path / "out").exists()

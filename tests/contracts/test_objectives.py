"""What every objective must be, whatever it computes."""

import dataclasses
import re

import pytest
import torch
import yaml

from limbeck.core.errors import RecipeError
from limbeck.core.shelf import shelf
from limbeck.nn.types import Batch, Dims, Moment, Outputs, Reads
from tests import models
from tests.engine.test_teacher_cache import rows

NAMES = shelf("objectives").names()
STUDENT = Dims(layers=2, hidden=24, heads=4, intermediate=48, labels=3)
TEACHER = dataclasses.replace(STUDENT, layers=4)
ZERO_WHEN_EQUAL = set(NAMES) - {"labels", "text_relation"}
SAME_LABELS = {"soft_targets", "logit_mse", "dist", "dkd"}
CLASSES = {"dist", "dkd"}
SAME_HEADS = {"attention_scores", "minilm"}
PROJECT = {"cosine", "hidden_states", "patient"}
"""Only where told not to, they need equal widths."""
COMPARES_ROWS = {"dist", "similarity", "layerwise_nearest"}
"""What they make of a row depends on the others in its part of the batch."""
LAYER_MAPS = {"attention_scores", "hidden_states", "patient"}


def build(name: str, student: Dims = STUDENT, teacher: Dims = TEACHER, **fields):
    objectives = shelf("objectives")
    built = objectives.build(objectives.spec(name)(**fields), student, teacher)
    return Related(built, student) if built.student_reads.relation else built


class Related(torch.nn.Module):
    """Networks of tasks have no head for pairs of texts: two features of a row's first token stand for its logits."""

    def __init__(self, objective, student: Dims) -> None:
        super().__init__()
        self.objective, self.teacher_reads = objective, objective.teacher_reads
        self.unit = "rows"  # each has a relation here
        self._layer = student.layers
        self.student_reads = Reads(hidden=frozenset({student.layers}))

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> torch.Tensor:
        relation = student.hidden[self._layer][batch.firsts][:, :2]
        asked = dataclasses.replace(batch, relations=torch.tensor([length % 2 for length in batch.lengths]))
        return self.objective(dataclasses.replace(student, relation=relation), teacher, asked)


def everything(dims: Dims) -> Reads:
    layers = frozenset(range(1, dims.layers + 1))
    return Reads(True, layers | {0}, layers, layers, layers, pooled=frozenset({"mean", "first"}))


def outputs(batch: Batch, *, per_word: bool) -> tuple[Outputs, Outputs]:
    student = models.model(layers=2, per_word=per_word, seed=5)
    teacher = models.model(layers=4, per_word=per_word, seed=6)
    with torch.no_grad():
        answers = teacher.run(batch, everything(TEACHER))
    return student.run(batch, everything(STUDENT)), answers


@pytest.fixture(params=[False, True], ids=["texts", "words"])
def per_word(request) -> bool:
    return request.param


@pytest.mark.parametrize("name", NAMES)
def test_cites_a_source(name):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", shelf("objectives").load(name).__doc__)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_finite_scalar_whose_gradient_reaches_the_student(name, per_word):
    batch = models.batch(per_word=per_word)
    student = models.model(layers=2, per_word=per_word, seed=5)
    _, answers = outputs(batch, per_word=per_word)
    loss = build(name)(student.run(batch, everything(STUDENT)), answers, batch)
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert loss > 0
    assert student.parts.tables[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_nothing(name, per_word):
    """A network that pads and one that packs give the same loss and the same gradients."""
    batch, objective = models.batch(per_word=per_word), build(name)
    found = []
    for packs in (True, False):
        student, teacher = (models.model(layers=n, per_word=per_word, seed=n, packs=packs) for n in (2, 4))
        with torch.no_grad():
            answers = teacher.run(batch, everything(TEACHER))
        loss = objective(student.run(batch, everything(STUDENT)), answers, batch)
        loss.backward()
        found.append((loss, student.parts.tables[0].weight.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_the_batch_changes_nothing(name, per_word):
    objective, batch = build(name), models.batch(per_word=per_word)
    losses = [objective(*outputs(b, per_word=per_word), b) for b in (batch, models.chosen(batch, [2, 0, 3, 1]))]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", sorted(ZERO_WHEN_EQUAL))
def test_is_zero_when_the_student_equals_the_teacher(name, per_word):
    batch = models.batch(per_word=per_word)
    with torch.no_grad():
        same = models.model(layers=4, per_word=per_word, seed=6).run(batch, everything(TEACHER))
        loss = build(name, TEACHER, TEACHER)(same, same, batch)
    assert abs(loss.item()) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_is_about_the_same_in_bf16(name, per_word):
    batch = models.batch(per_word=per_word)
    objective = build(name)
    student, teacher = outputs(batch, per_word=per_word)
    halved = [_as_bf16(x) for x in (student, teacher)]
    with torch.autocast("cpu", torch.bfloat16):
        low = objective(*halved, batch)
    torch.testing.assert_close(low.float(), objective(student, teacher, batch), rtol=0.05, atol=0.02)


def _as_bf16(outputs: Outputs) -> Outputs:
    parts = {
        k: {n: x.bfloat16() for n, x in getattr(outputs, k).items()} for k in ("hidden", "queries", "keys", "values")
    }
    vectors = {pooling: x.bfloat16() for pooling, x in outputs.pooled.items()}
    return Outputs(logits=outputs.logits.bfloat16(), pooled=vectors, **parts)


@pytest.mark.parametrize("name", NAMES)
def test_reads_no_more_than_it_says(name, per_word):
    objective = build(name)
    batch = models.batch(per_word=per_word)
    student = models.model(layers=2, per_word=per_word, seed=5).run(batch, objective.student_reads)
    with torch.no_grad():
        teacher = models.model(layers=4, per_word=per_word, seed=6).run(batch, objective.teacher_reads)
    if not objective.teacher_reads:
        teacher = Outputs()
    assert torch.isfinite(objective(student, teacher, batch))


@pytest.mark.parametrize("name", NAMES)
def test_reads_nothing_beside_logits(name):
    """Where logits are over a vocabulary it sees some items at a time, and of the rest of the batch nothing."""
    objective = build(name)
    if objective.student_reads.logits:
        assert objective.student_reads == Reads(logits=True)
        assert objective.teacher_reads in (Reads(), Reads(logits=True))
        assert not list(objective.parameters())
        if objective.unit == "batch":
            words = [dataclasses.replace(dims, over_tokens=True) for dims in (STUDENT, TEACHER)]
            with pytest.raises(RecipeError, match="over a vocabulary only the logits of some are there"):
                build(name, *words)
        else:
            assert objective.unit in ("items", "labelled")


@pytest.mark.parametrize("name", NAMES)
def test_spec_survives_yaml(name):
    spec = shelf("objectives").spec(name)(weight=0.25)
    text = yaml.safe_dump({"kind": name, **spec.model_dump(mode="json")})
    assert shelf("objectives").parse(yaml.safe_load(text), "x") == spec


@pytest.mark.parametrize("name", sorted(set(NAMES) - COMPARES_ROWS))
def test_parts_of_a_batch_add_up_to_the_whole(name, per_word):
    made, objective = rows(per_word=per_word), build(name)
    (whole,), parts = (made.parts([3, 11, 0, 7, 5], count, torch.device("cpu")) for count in (1, 3))
    found = [part.shares[objective.unit] * objective(*outputs(part, per_word=per_word), part) for part in parts]
    torch.testing.assert_close(sum(found), objective(*outputs(whole, per_word=per_word), whole), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_answer_is_no_fault(name):
    """A batch of windows in which no word begins has tokens, but no items."""
    batch = models.batch((1, 1), per_word=True)
    loss = build(name)(*outputs(batch, per_word=True), batch)
    assert torch.isfinite(loss)
    loss.backward()


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_row_is_enough(name, per_word):
    batch = models.batch((5,), per_word=per_word)
    loss = build(name)(*outputs(batch, per_word=per_word), batch)
    assert torch.isfinite(loss)
    loss.backward()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", [(12, 4), (24, 2), (12, 2)], ids=["narrow", "other heads", "both"])
def test_other_sizes_are_learnt_or_refused_with_the_remedy(name, sizes, per_word):
    hidden, heads = sizes
    small = dataclasses.replace(STUDENT, hidden=hidden, heads=heads)
    if name in SAME_HEADS and heads != 4:
        with pytest.raises(RecipeError, match=rf"{name}.*heads=4, or use attention_relations"):
            build(name, small)
        return
    if name in PROJECT and hidden != 24:
        with pytest.raises(RecipeError, match=rf"{name}.project: .* leave it out, or set it to true"):
            build(name, small, project=False)
    batch = models.batch(per_word=per_word)
    student = models.model(layers=2, hidden=hidden, heads=heads, per_word=per_word)
    _, answers = outputs(batch, per_word=per_word)
    objective = build(name, small)
    loss = objective(student.run(batch, objective.student_reads), answers, batch)
    loss.backward()
    assert loss > 0
    assert student.parts.tables[0].weight.grad.abs().sum() > 0
    assert all(p.grad is not None for p in objective.parameters())


@pytest.mark.parametrize("name", sorted(SAME_LABELS))
def test_other_labels_are_refused(name):
    with pytest.raises(RecipeError, match=f"{name}: the student has 3 labels, the teacher 4; give both the same"):
        build(name, STUDENT, dataclasses.replace(TEACHER, labels=4))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("labels", "answer"), [(2, "class"), (3, "classes"), (1, "value")])
def test_other_answers_are_enough_or_refused_with_the_remedy(name, labels, answer):
    pair = [dataclasses.replace(dims, labels=labels, answer=answer) for dims in (STUDENT, TEACHER)]
    if name in CLASSES:
        with pytest.raises(RecipeError, match=f"{name}: .* three or more classes .*; use soft_targets or logit_mse"):
            build(name, *pair)
    else:
        assert build(name, *pair)


@pytest.mark.parametrize("name", sorted(LAYER_MAPS))
def test_layers_are_drawn_anew_in_each_epoch(name):
    objective, batch = build(name, layers="random"), models.batch()
    student, teacher = outputs(batch, per_word=False)
    losses = [
        objective(student, teacher, dataclasses.replace(batch, moment=Moment(epoch=epoch))).item()
        for epoch in (0, 0, 1, 2, 3, 4)
    ]
    assert losses[0] == losses[1]
    assert len(set(losses)) > 2


@pytest.mark.parametrize("name", sorted(LAYER_MAPS))
def test_maps_that_the_depths_do_not_admit_are_refused(name):
    with pytest.raises(RecipeError, match=rf"{name}\.layers: 2 student .* 3 teacher layers .* `skip`, but `ordered`"):
        build(name, teacher=dataclasses.replace(TEACHER, layers=3), layers="skip")
    with pytest.raises(RecipeError, match=rf"{name}\.layers: there is no pair \[2, 9\]"):
        build(name, layers=[[1, 2], [2, 9]])


def test_the_unit_says_that_rows_are_compared_with_one_another():
    assert {name for name in NAMES if build(name).unit == "batch"} == {"dist", "similarity"}


def test_the_sets_above_name_objectives():
    assert set(NAMES) >= SAME_LABELS | CLASSES | SAME_HEADS | PROJECT | COMPARES_ROWS | LAYER_MAPS
    assert {n for n in NAMES if "layers" in shelf("objectives").spec(n).model_fields} == LAYER_MAPS

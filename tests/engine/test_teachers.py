"""Teachers of another tokenizer answer for the same items, and several for the same as each by itself."""

import numpy as np
import pytest
import torch

from limbeck.core.errors import DataError
from limbeck.core.journal import Journal
from limbeck.engine.rows import Rows
from limbeck.engine.score import TorchScorer
from limbeck.engine.teacher_cache import CachedTeacher, OnlineTeacher, open_teachers
from limbeck.engine.teachers import Ensemble, ForeignTeacher, Tutor, together
from limbeck.nn.checkpoint import load_network
from limbeck.nn.model import Model, frozen, tapped
from limbeck.nn.types import Reads
from limbeck.tasks import text_classification, token_classification
from limbeck.text.encode import Encoder
from limbeck.text.port import Example
from limbeck.text.runs import spans
from tests import models
from tests.makers import WORDS, byte_tokenizer, tiny_tokenizer

LOGITS = Reads(logits=True)
CPU = torch.device("cpu")
LABELS = ("a", "b", "c")
QUIET = Journal(quiet=True)


def task_of(*, per_word: bool):
    module = token_classification if per_word else text_classification
    return module.build(module.Spec(), LABELS)


def examples(*, per_word: bool, count: int = 12) -> list[Example]:
    draw = np.random.default_rng(0)
    rows = [draw.choice(WORDS, draw.integers(2, 30)).tolist() for _ in range(count)]
    return [Example(words, target=["a"] * len(words)) if per_word else Example(" ".join(words)) for words in rows]


def network(folder, task, seed: int = 0) -> Model:
    """A random BERT that reads whole words."""
    if not folder.exists():
        models.backbone(folder)
    torch.manual_seed(seed)
    return frozen(tapped(load_network(folder, task.head, LABELS), per_word=task.per_word))


@pytest.fixture(params=[False, True], ids=["texts", "words"])
def task(request):
    return task_of(per_word=request.param)


def sides(task):
    """Examples, encoders of student and teacher, and the rows of each."""
    made = examples(per_word=task.per_word)
    mine, its = Encoder(byte_tokenizer(), 24), Encoder(tiny_tokenizer(), 16 if task.per_word else 64)
    return made, its, Rows.encode(task, mine, made), Rows.encode(task, its, made)


def test_a_foreign_teacher_says_of_each_item_what_it_says_of_the_whole_example(task, tmp_path):
    made, encoder, rows, own = sides(task)
    if task.per_word:
        assert len(rows) != len(own)  # the windows differ
    model = network(tmp_path / "bert", task)
    wanted = np.concatenate(TorchScorer(model, task, encoder).logits(made))
    teacher = ForeignTeacher(model, own, rows, "t", LOGITS)
    for indices in ([0, 1, 2], [len(rows) - 1], [5, 3]):
        batch = rows.batch(indices, CPU)
        items = rows.numbers[spans(rows.items, batch.rows.numpy())]
        np.testing.assert_allclose(teacher.outputs(batch).logits.numpy(), wanted[items], atol=1e-5)


@pytest.mark.parametrize("max_length", [8, 64], ids=["cut", "whole"])
def test_a_foreign_teacher_gives_the_vector_of_each_text(max_length, tmp_path):
    task = task_of(per_word=False)
    made, mine, its = examples(per_word=False), Encoder(byte_tokenizer(), 24), Encoder(tiny_tokenizer(), max_length)
    rows, own = (Rows.encode(task, encoder, made) for encoder in (mine, its))
    model, reads = network(tmp_path / "bert", task), Reads(pooled=frozenset({"mean", "first"}))
    alone = [model.run(own.batch([number], CPU), Reads(hidden=frozenset({4}))).hidden[4] for number in range(len(made))]
    live, _ = together([Tutor("teacher", model, its, "t")], None, mine, rows, made, task, reads, QUIET)
    kept = {"folder": tmp_path / "cache", "budget_gb": 1.0, "dtype": "float32", "log": QUIET}
    cached = open_teachers(live, [reads], rows, **kept)[reads]
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.bin")) == 2 * len(rows) * 24 * 4
    batch = rows.batch([4, 0, 7], CPU)
    for teacher in (live, cached):
        found = teacher.outputs(batch)
        assert (found.logits, found.hidden) == (None, {})
        for place, number in enumerate(batch.rows.tolist()):
            torch.testing.assert_close(found.pooled["mean"][place], alone[number].mean(0), rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found.pooled["first"][place], alone[number][0], rtol=1e-4, atol=1e-5)


def test_what_is_cached_of_teachers_is_what_they_say(task, tmp_path):
    _, _, rows, own = sides(task)
    model, other = (network(tmp_path / "bert", task, seed) for seed in (0, 1))
    online = Ensemble(
        [ForeignTeacher(model, own, rows, "t", LOGITS), ForeignTeacher(other, own, rows, "u", LOGITS)], None
    )
    kept = {"folder": tmp_path, "budget_gb": 1.0, "dtype": "float16", "log": QUIET}
    cached = open_teachers(online, [LOGITS], rows, **kept)[LOGITS]
    assert isinstance(cached, CachedTeacher)
    batch = rows.batch(range(min(4, len(rows))), CPU)
    torch.testing.assert_close(cached.outputs(batch).logits, online.outputs(batch).logits)


def test_inner_outputs_are_those_of_the_first(task, tmp_path):
    made, encoder, _, own = sides(task)
    first, second = (network(tmp_path / "bert", task, seed) for seed in (0, 1))
    tutors = [Tutor("teacher", first, encoder, "t"), Tutor("teacher_2", second, encoder, "u")]
    reads = Reads(logits=True, hidden=frozenset({2}))
    live, rows = together(tutors, [0.5, 0.5], encoder, own, made, task, reads, QUIET)
    batch = rows.batch([0, 1], CPU)
    alone = [OnlineTeacher(model, reads, "").outputs(batch) for model in (first, second)]
    found = live.outputs(batch)
    torch.testing.assert_close(found.hidden[2], alone[0].hidden[2])
    mean = (alone[0].logits.softmax(-1) + alone[1].logits.softmax(-1)) / 2
    torch.testing.assert_close(found.logits.softmax(-1), mean)
    inside, _ = together(tutors, [0.5, 0.5], encoder, own, made, task, Reads(hidden=frozenset({2})), QUIET)
    assert isinstance(inside, OnlineTeacher)  # nobody reads logits: the second one is not run
    part = live.reading(Reads(hidden=frozenset({2})))
    assert isinstance(part, OnlineTeacher)
    torch.testing.assert_close(part.outputs(batch).hidden[2], found.hidden[2])
    torch.testing.assert_close(live.reading(LOGITS).outputs(batch).logits, found.logits)


def test_words_that_one_side_drops_are_left_out(tmp_path):
    task = task_of(per_word=True)
    made = [Example(["good", "\x00", "film"], target=["a", "b", "c"]), Example(["the"], target=["a"])]
    mine, its = Encoder(byte_tokenizer(), 24), Encoder(tiny_tokenizer(), 24)
    rows = Rows.encode(task, mine, made)
    assert len(rows.targets) == 4
    tutor = Tutor("teacher", network(tmp_path / "bert", task), its, "t")
    live, kept = together([tutor], None, mine, rows, made, task, LOGITS, QUIET)
    assert kept.targets.tolist() == [0, 2, 0]
    assert kept.numbers.tolist() == [0, 2, 3]
    assert live.outputs(kept.batch([0, 1], CPU)).logits.shape == (3, 3)
    lone = made[0].text[1:2]
    nothing = [Example(lone, target=["a"])]
    with pytest.raises(DataError, match="no item in common"):
        together([tutor], None, mine, Rows.encode(task, mine, nothing), nothing, task, LOGITS, QUIET)


def test_identity_names_all_that_answers_depend_on(task, tmp_path):
    _, _, rows, own = sides(task)
    model = network(tmp_path / "bert", task)
    same = [ForeignTeacher(model, own, rows, "t", LOGITS).identity for _ in range(2)]
    fewer = rows.with_items(np.arange(len(rows.numbers)) > 0)
    others = [ForeignTeacher(model, own, rows, "u", LOGITS), ForeignTeacher(model, own, fewer, "t", LOGITS)]
    one = OnlineTeacher(model, LOGITS, "t")
    others += [one, Ensemble([one, one], [0.5, 0.5]), Ensemble([one, one], [0.4, 0.6]), Ensemble([one, one], None)]
    assert same[0] == same[1]
    assert len({same[0], *(teacher.identity for teacher in others)}) == 7

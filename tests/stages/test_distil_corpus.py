"""General distillation by the stage alone: what it does by default, and what it refuses before anything is trained."""

import shutil

import pytest
from safetensors.torch import load_file

import limbeck
from limbeck.core.bundle import open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.journal import Journal
from limbeck.pipeline import run_file
from tests import models
from tests.stages.test_pretrain import flipped, write_corpus

QUIET = Journal(quiet=True)
FEW = {"student": "2x24", "steps": 2, "batch_size": 4, "max_length": 32, "log": QUIET}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distil_corpus")
    write_corpus(folder / "raw.txt", 60)
    models.backbone(folder / "bert", layers=3)
    return folder


def cut(corpus, tokenizer, out):
    return limbeck.tokenize(corpus=str(corpus), tokenizer=tokenizer, dev_tokens=300, workers=1, out=out, log=QUIET)


@pytest.fixture(scope="module")
def store(folder):
    return cut(folder / "raw.txt", str(folder / "bert"), folder / "store")


def distil(folder, store, out, **fields):
    return limbeck.distil(corpus=store, teacher=str(folder / "bert"), out=out, **{**FEW, **fields})


def test_relations_are_taught_by_default_and_any_model_may_teach(folder, store, tmp_path):
    student = distil(folder, store, tmp_path / "student")
    weights = load_file(student.file("model.safetensors"))
    assert student.facts["dims"]["parameters"] == sum(weight.numel() for weight in weights.values())
    (phase,) = student.manifest["step"]["phases"]
    assert [one["kind"] for one in phase["objectives"]] == ["attention_relations"]
    assert (phase["steps"], phase["learning_rate"]) == (2, 6e-4)
    assert open_bundle(tmp_path / "student-teacher").stage == "import_checkpoint"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"objectives": ["labels"]}, r"labels are of words that are hidden; set pretext: masked_lm"),
        ({"objectives": ["soft_targets"], "answers": "hidden"}, r"distil\.answers: hidden, .*set pretext: masked_lm"),
        ({"pretext": "replaced_token"}, r"distil\.pretext: replaced_token, .*give masked_lm"),
        ({"max_length": 4096}, r"max_length 4096 is more than the model's \d+ positions; set it to at most"),
    ],
)
def test_what_a_corpus_does_not_admit_is_refused(folder, store, tmp_path, fields, message):
    with pytest.raises((RecipeError, BundleError), match=message):
        distil(folder, store, tmp_path / "student", **fields)
    assert not (tmp_path / "student").exists()


def test_what_does_not_fit_the_teacher_is_refused_before_the_corpus_is_cut(folder, tmp_path):
    misfit = {"student": "layers=2,hidden=12,heads=2,intermediate=24", "objectives": ["minilm"]}
    with pytest.raises(RecipeError, match="minilm: the student has 2 heads, the teacher 4"):
        distil(folder, folder / "raw.txt", tmp_path / "student", **misfit)
    assert not list(tmp_path.iterdir())
    with pytest.raises(RecipeError, match="minilm: the student has 2 heads, the teacher 4"):
        run_file(
            "minilm",
            tmp_path / "run",
            ["import_checkpoint.max_length=32", "distil.max_length=32"],
            QUIET,
            corpus=str(folder / "raw.txt"),
            teacher=str(folder / "bert"),
            student=misfit["student"],
        )
    assert not (tmp_path / "run" / "steps").exists()


def test_a_family_that_cannot_become_another_is_refused_before_the_corpus_is_cut(folder, tmp_path):
    electra = models.backbone(tmp_path / "electra", "electra")
    with pytest.raises(RecipeError, match=r"only a BERT can become a DistilBERT \(found electra\)"):
        limbeck.distil(
            corpus=str(folder / "raw.txt"), teacher=str(electra), out=tmp_path / "o" / "s", family="distilbert", **FEW
        )
    assert not (tmp_path / "o").exists()


def test_a_corpus_cut_by_another_tokenizer_is_refused(folder, tmp_path):
    other = limbeck.tokenizer(corpus=str(folder / "raw.txt"), size=90, out=tmp_path / "tokenizer", log=QUIET)
    with pytest.raises(BundleError, match="was cut into tokens by another tokenizer than the teacher's; cut it by"):
        distil(folder, cut(folder / "raw.txt", other, tmp_path / "other"), tmp_path / "student")


def test_a_store_is_a_corpus_wherever_one_is_read(folder, store, tmp_path):
    again = cut(store.path, str(folder / "bert"), tmp_path / "again")
    assert again.facts == store.facts
    assert {name: entry["sha256"] for name, entry in again.manifest["files"].items()} == {
        name: entry["sha256"] for name, entry in store.manifest["files"].items()
    }
    tokenizer = limbeck.tokenizer(corpus=str(store.path), out=tmp_path / "tokenizer", log=QUIET)
    assert cut(store.path, tokenizer, tmp_path / "by_own").facts == store.facts
    other = limbeck.tokenizer(corpus=str(folder / "raw.txt"), size=90, out=tmp_path / "other", log=QUIET)
    with pytest.raises(BundleError, match="another tokenizer than is wanted here; cut the raw text by that one"):
        cut(store.path, other, tmp_path / "wrong")
    with pytest.raises(BundleError, match="is what `tokenizer` made, no corpus"):
        distil(folder, other.path, tmp_path / "student")


def test_a_damaged_store_is_neither_taken_nor_taught_on(folder, store, tmp_path):
    place = flipped(store, tmp_path / "store")
    for use in (
        lambda: cut(place, str(folder / "bert"), tmp_path / "again"),
        lambda: distil(folder, place, tmp_path / "out"),
    ):
        with pytest.raises(BundleError, match=r"store: damaged Bundle: train/00000.tokens: sha256 differs"):
            use()
    assert not any((tmp_path / name).exists() for name in ("again", "out"))


def test_no_verb_writes_over_what_another_made_or_what_it_reads(folder, store, tmp_path):
    shutil.copytree(store.path, tmp_path / "store")
    with pytest.raises(BundleError, match="`tokenize` has made it, and `distil` does not overwrite that; choose"):
        distil(folder, store, tmp_path / "store")
    with pytest.raises(RecipeError, match="is the corpus, and the result would take its place; choose another --out"):
        distil(folder, tmp_path / "store", tmp_path / "store")
    assert open_bundle(tmp_path / "store").verify().digest == store.digest

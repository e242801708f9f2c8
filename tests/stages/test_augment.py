"""Larger training data: what is added, what is left out, what stays as it was."""

import json

import pytest

import limbeck
from limbeck.augmenters import Neighbours, Words
from limbeck.core.errors import BundleError, DataError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.recipe import from_plain
from limbeck.nn.checkpoint import EMBEDDED
from limbeck.pipeline import resolve, run
from limbeck.text.examples import each_example, read_examples
from limbeck.text.split import plain_key
from tests import models
from tests.stages.conftest import made

WORDS = {"augmenter": "words", "copies": 5}


@pytest.fixture(scope="module")
def larger(tmp_path_factory, data, teacher):
    out = tmp_path_factory.mktemp("augmented") / "data"
    return made("augment", out, {"data": data, "teacher": teacher}, copies=10, seed=3)


def test_originals_stay_in_order_and_keep_their_labels(data, larger):
    assert [e for e in each_example(larger, "train") if e.target is not None] == read_examples(data, "train")


def test_variants_have_no_label_and_no_row_twice(larger):
    variants: list[str] = []
    for example in each_example(larger, "train"):
        if example.target is not None:
            variants = [plain_key(example)]
            continue
        assert plain_key(example) not in variants
        variants.append(plain_key(example))
        assert len(variants) <= 11


def test_dev_and_test_are_the_same_bytes(data, larger):
    for split in ("dev", "test"):
        assert larger.file(f"{split}.jsonl").read_bytes() == data.file(f"{split}.jsonl").read_bytes()


def test_no_variant_is_a_row_that_is_measured_on(tmp_path):
    for name, texts in {
        "train": ["good film", "bad film"],
        "dev": ["FINE  film", "x"],
        "test": ["bad Movie", "y"],
    }.items():
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{texts[0]},1\n{texts[1]},0\n")
    (tmp_path / "s.tsv").write_text("good\tfine\nfilm\tmovie\n")
    files = {name: str(tmp_path / f"{name}.csv") for name in ("train", "dev", "test")}
    data = made("prepare", tmp_path / "data", **files, min_rows=1)
    synonyms = {"kind": "synonyms", "file": str(tmp_path / "s.tsv")}
    larger = made("augment", tmp_path / "more", {"data": data}, augmenter=synonyms, copies=30)
    variants = [e.text for e in each_example(larger, "train") if e.target is None]
    assert sorted(variants) == ["fine movie", "good movie"]
    assert larger.facts["augmented"]["measured"] > 1
    assert "rows of dev or test" in larger.facts["detected"][-1]


def test_facts_are_those_of_data_with_what_was_added(data, larger):
    before, after, said = data.facts, larger.facts, larger.facts["augmented"]
    assert {k: after[k] for k in ("name", "task", "labels", "warnings")} == {
        k: before[k] for k in ("name", "task", "labels", "warnings")
    }
    rows = read_examples(larger, "train")
    assert after["counts"]["train"] == len(rows) == said["originals"] + said["added"]
    assert after["counts"]["unlabelled"] == sum(e.target is None for e in rows) == said["added"]
    assert said["added"] + said["repeated"] + said["measured"] == 10 * said["originals"]
    assert after["detected"][-1].startswith(f"train: {said['added']} variants added")
    assert json.loads(json.dumps(after)) == after


def test_teacher_gives_the_embeddings_when_there_is_one(data, teacher, tmp_path):
    assert made("augment", tmp_path / "t", {"data": data, "teacher": teacher}, copies=2).facts["augmented"]["by"] == (
        "neighbours in the embeddings of the teacher"
    )
    other = models.backbone(tmp_path / "other", hidden=12)
    named = made("augment", tmp_path / "m", {"data": data, "teacher": teacher}, augmenter=Neighbours(model=str(other)))
    assert str(other) in named.facts["augmented"]["by"]


def test_embeddings_that_come_with_the_installation_stand_in_for_a_teacher(data, tmp_path):
    larger = made("augment", tmp_path / "a", {"data": data}, copies=3)
    assert EMBEDDED in larger.facts["augmented"]["by"]
    originals = {e.text for e in each_example(data, "train")}
    new = {word for e in each_example(larger, "train") if e.text not in originals for word in e.text.split()}
    assert {"bad", "movie"} & new
    assert len(new) > 10


def test_seed_decides(data, tmp_path):
    digests = [
        made("augment", tmp_path / str(i), {"data": data}, **WORDS, seed=s).digest for i, s in enumerate((0, 0, 1))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_augmented_data_can_be_augmented_again(data, tmp_path):
    once = made("augment", tmp_path / "once", {"data": data}, augmenter=Words(delete=0), copies=1)
    twice = made("augment", tmp_path / "twice", {"data": once}, augmenter=Words(swap=0), copies=1)
    assert twice.facts["augmented"]["originals"] == once.facts["counts"]["train"]


def test_tagged_sentences_are_replaced_word_by_word(tags, tagger, tmp_path):
    larger = made("augment", tmp_path / "a", {"data": tags, "teacher": tagger}, copies=4)
    length = 0
    for example in each_example(larger, "train"):
        if example.target is not None:
            length = len(example.text)
        assert len(example.text) == length
    student = made("distil", tmp_path / "s", {"teacher": tagger, "data": larger}, epochs=1, student="2x24")
    assert student.facts["history"]


def test_file_of_rows_is_prepared_first(tmp_path):
    rows = models.reviews(tmp_path / "r.csv")
    larger = limbeck.augment(data=rows, out=tmp_path / "a", log=Journal(quiet=True), **WORDS)
    assert larger.stage == "augment"
    assert larger.manifest["parents"]["data"]["stage"] == "prepare"


def test_function_takes_a_teacher_or_none(data, teacher, tmp_path):
    quiet = Journal(quiet=True)
    with_path = limbeck.augment(data=data, teacher=str(teacher.path), copies=1, out=tmp_path / "a", log=quiet)
    assert with_path.manifest["parents"].keys() == {"data", "teacher"}
    without = limbeck.augment(data=data, teacher=None, out=tmp_path / "b", log=quiet, **WORDS)
    assert without.manifest["parents"].keys() == {"data"}


def test_another_file_of_synonyms_makes_it_again(data, tmp_path):
    file = tmp_path / "s.tsv"
    digests = []
    for synonym in ("movie", "movie", "picture"):
        file.write_text(f"film\t{synonym}\n")
        fields = {"augmenter": {"kind": "synonyms", "file": str(file)}, "copies": 2}
        digests.append(made("augment", tmp_path / "a", {"data": data}, **fields).manifest["created"] + synonym)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"augmenter": "neighbors"}, RecipeError, "no augmenter 'neighbors'; did you mean 'neighbours'"),
        ({"copies": 0}, RecipeError, r"augment\.copies"),
        ({"augmenter": {"kind": "words", "swap": 0, "delete": 0}}, RecipeError, "swap and delete are both 0"),
        ({"augmenter": "synonyms"}, RecipeError, r"augmenter\.file: this field must be given"),
        ({"augmenter": {"kind": "synonyms", "file": "no.tsv"}}, DataError, "no.tsv: no such file of synonyms"),
        ({"augmenter": {"kind": "neighbours", "model": "no"}}, BundleError, "no: no such model directory"),
        ({"augmenter": {"kind": "masked_lm", "model": EMBEDDED}}, BundleError, "no masked language model"),
    ],
)
def test_wrong_fields_are_refused(data, tmp_path, fields, error, message):
    with pytest.raises(error, match=message):
        made("augment", tmp_path / "a", {"data": data}, **fields)
    assert not (tmp_path / "a").exists()


def test_nothing_to_change_is_refused(data, tmp_path):
    (tmp_path / "s.tsv").write_text("xylophone\tmarimba\n")
    with pytest.raises(DataError, match=r"none of its 128 rows could be changed: synonyms from s\.tsv"):
        made("augment", tmp_path / "a", {"data": data}, augmenter={"kind": "synonyms", "file": str(tmp_path / "s.tsv")})
    assert not (tmp_path / "a").exists()


def test_model_given_for_data_is_refused(teacher, tmp_path):
    with pytest.raises(BundleError, match=r"this finetune Bundle has no dev\.jsonl"):
        made("augment", tmp_path / "a", {"data": teacher}, **WORDS)


def test_data_given_for_the_teacher_is_refused(data, tmp_path):
    with pytest.raises(BundleError, match=r"no config\.json"):
        made("augment", tmp_path / "a", {"data": data, "teacher": data})


def test_missing_model_stops_a_recipe_before_its_first_step(tmp_path):
    steps = [
        {"stage": "prepare", "out": "d", "train": str(models.reviews(tmp_path / "r.csv"))},
        {"stage": "augment", "from": {"data": "d"}, "augmenter": {"kind": "masked_lm", "model": "nowhere"}},
    ]
    with pytest.raises(BundleError, match="nowhere: no such model directory"):
        run(from_plain({"limbeck": 1, "steps": steps}, "r"), tmp_path / "out", Journal(quiet=True))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_recipe_distils_on_what_was_added(tmp_path):
    """Prepare, fine-tune on the original rows, augment, distil on all, evaluate on the original test."""
    fast = {"epochs": 4, "learning_rate": 3e-3, "batch_size": 16}
    recipe = {
        "limbeck": 1,
        "seed": 5,
        "steps": [
            {"stage": "prepare", "out": "data", "train": str(models.reviews(tmp_path / "reviews.csv"))},
            {
                "stage": "finetune",
                "out": "teacher",
                "from": {"data": "data"},
                "model": str(models.backbone(tmp_path / "backbone")),
                "max_length": 32,
                **fast,
            },
            {
                "stage": "augment",
                "out": "more",
                "from": {"data": "data", "teacher": "teacher"},
                "augmenter": "neighbours",
                "copies": 4,
            },
            {
                "stage": "distil",
                "out": "student",
                "from": {"teacher": "teacher", "data": "more"},
                "student": "2x24",
                "objectives": ["soft_targets", "labels"],
                **fast,
            },
            {"stage": "evaluate", "from": {"data": "data", "teacher": "teacher", "student": "student"}, "draws": 100},
        ],
    }
    quiet = Journal(quiet=True)
    result = run(resolve(from_plain(recipe, "recipe")), tmp_path / "run", quiet)
    assert result.ran == ("prepare", "finetune", "augment", "distil", "evaluate")
    assert result.bundles["augment"].manifest["step"]["seed"] == 5
    counts = {name: result.bundles[name].facts["counts"] for name in ("prepare", "augment")}
    assert counts["augment"]["train"] > 2 * counts["prepare"]["train"]
    evaluated = result.bundles["evaluate"]
    assert evaluated.facts["n"] == counts["prepare"]["test"]
    assert run(from_plain(recipe, "recipe"), tmp_path / "run", quiet).ran == ()
    recipe["steps"][2]["copies"] = 3
    assert run(from_plain(recipe, "recipe"), tmp_path / "run", quiet).ran == ("augment", "distil", "evaluate")

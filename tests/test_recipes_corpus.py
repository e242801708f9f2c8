"""The shipped recipes that read raw text, at toy size: what comes of each can be trained on a task."""

import pytest
import transformers

from limbeck import adapt
from limbeck.core.errors import RecipeError
from limbeck.core.journal import Journal
from limbeck.core.measurement import find
from limbeck.core.recipe import find_recipe, read_recipe
from limbeck.pipeline import resolve, run, run_file
from tests import models
from tests.stages.test_pretrain import write_corpus

QUIET = Journal(quiet=True)
GENERAL = ("distilbert", "minilm", "minilmv2", "tinybert_general")
PRETRAINING = ("bert", "roberta", "electra", "albert")
LARGER = "layers=2,hidden=24,heads=2,intermediate=48"
SMALL = ("steps=2", "batch_size=4", "evaluate_every=2")
OPENED = {"distilbert": "distilbert", "roberta": "roberta", "electra": "electra", "albert": "albert"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus_recipes")
    write_corpus(folder / "raw.txt", 60)
    models.reviews(folder / "reviews.csv")
    models.backbone(folder / "backbone")
    return folder


def toy_phases(recipe):
    """Few short steps in whatever trains over the corpus."""
    changed = []
    for step in recipe.steps:
        fields = dict(step.fields)
        if step.stage == "pretrain" or (step.stage == "distil" and "corpus" in step.inputs):
            small = {"steps": 2, "batch_size": 4, "evaluate_every": 1}
            if step.stage == "pretrain":
                small["max_length"] = 32
            else:
                fields["max_length"] = 32
            fields["phases"] = [{**phase, **small} for phase in fields["phases"]]
        if step.stage == "tokenize":
            fields |= {"dev_tokens": 300, "workers": 1}
        if step.stage == "import_checkpoint":
            fields["max_length"] = 48  # longer than what the student reads, as in the recipes themselves
        changed.append(step.model_copy(update={"fields": fields}))
    return recipe.model_copy(update={"steps": tuple(changed)})


def adapted(name, folder):
    recipe = adapt.to_corpus(resolve(read_recipe(find_recipe(name))), str(folder / "raw.txt"))
    return toy_phases(recipe)


def _check_told(result, roles):
    """The report lies in the run's directory, and the table has a row for each model."""
    assert "Corpus</h2>" in (result.out / "report.html").read_text(encoding="utf-8")
    last = find(result.measurements, roles[-1], "loss", "dev")
    assert last.value == pytest.approx(list(result.bundles.values())[-2].facts["history"][-1]["dev"]["loss"])
    heads, _, *rows = result.table().splitlines()
    assert heads.split()[:3] == ["model", "parameters", "size"]
    assert "tokens/s" in heads
    assert [row.split()[0] for row in rows[: len(roles)]] == roles
    assert rows[-2:] == [f"report: {result.out / 'report.html'}", f"model: {result.out / roles[-1]}"]


@pytest.mark.parametrize("name", GENERAL)
def test_a_general_student_can_be_trained_on_a_task(name, folder, tmp_path):
    recipe = adapt.to_teacher(adapted(name, folder), str(folder / "backbone"))
    result = run(recipe, tmp_path / "out", QUIET)
    student = result.bundles["distil"]
    assert student.facts["dims"]["layers"] == 2
    assert all(record["loss"] > 0 for record in student.facts["history"])
    opened = transformers.AutoModel.from_pretrained(student.path)
    assert opened.config.model_type == OPENED.get(name, "bert")
    _check_told(result, ["teacher", "student"])
    fields = {"model": str(student.path), "max_length": 32, "epochs": 1}
    import limbeck

    tuned = limbeck.finetune(data=str(folder / "reviews.csv"), out=tmp_path / "tuned", log=QUIET, **fields)
    assert tuned.facts["labels"]


@pytest.mark.parametrize("name", PRETRAINING)
def test_pre_training_from_raw_text_makes_a_model(name, folder, tmp_path):
    settings = ["tokenizer.size=100", f"pretrain.model={LARGER}", "pretrain.positions=64"]
    result = run(adapted(name, folder).override(settings), tmp_path / "out", QUIET)
    model = result.bundles["pretrain"]
    assert transformers.AutoModel.from_pretrained(model.path).config.model_type == OPENED.get(name, "bert")
    assert model.facts["dims"]["hidden"] == 24
    _check_told(result, ["model"])


@pytest.mark.slow
def test_tinybert_from_raw_text_to_a_measured_bundle(folder, tmp_path):
    recipe = adapt.to_rows(adapted("tinybert", folder), adapt.rows_of(folder / "reviews.csv", dev=None, test=None))
    recipe = adapt.to_teacher(recipe, str(folder / "backbone"))
    settings = [
        *("finetune.max_length=32", "finetune.epochs=1", "finetune.learning_rate=3e-3", "augment.copies=1"),
        *("distil.phases[0].epochs=1", "distil.phases[1].epochs=1", "quantize.min_agreement=0", "quantize.max_drop=1"),
        *("evaluate.draws=100", "benchmark.texts=10", "benchmark.rounds=2"),
    ]
    result = run(recipe.override(settings), tmp_path / "out", QUIET)
    student, general = result.bundles["distil"], result.bundles["general"]
    assert student.manifest["parents"]["student"]["digest"] == general.digest
    assert result.measurements
    page = (result.out / "report.html").read_text(encoding="utf-8")
    assert "Loss: general" in page
    assert "Training loss: student" in page


def test_the_command_s_flags_reach_every_step(folder, tmp_path):
    with pytest.raises(RecipeError, match="reads no corpus"):
        run_file("compress", tmp_path / "out", [], QUIET, corpus=str(folder / "raw.txt"))
    with pytest.raises(RecipeError, match="it takes no teacher"):
        run_file("bert", tmp_path / "out", [], QUIET, teacher=str(folder / "backbone"))
    recipe = adapt.to_student(adapt.to_teacher(adapted("distilbert", folder), str(folder / "backbone")), "1x12")
    fields = {step.title: step.fields for step in recipe.steps}
    assert fields["tokenize"]["corpus"] == str(folder / "raw.txt")
    assert fields["tokenize"]["tokenizer"] == fields["head"]["model"] == str(folder / "backbone")
    assert fields["distil"]["student"] == "1x12"


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERAL)
def test_a_recipe_runs_as_it_is_written(name, folder, tmp_path):
    """On the real backbone, with its own lengths and widths; only its steps are few."""
    recipe = adapt.to_corpus(resolve(read_recipe(find_recipe(name))), str(folder / "raw.txt"))
    small = [f"{part}.{field}" for part in ("distil",) + ("head",) * (name == "distilbert") for field in SMALL]
    result = run(recipe.override(["tokenize.dev_tokens=300", *small]), tmp_path / "out", QUIET)
    student = result.bundles["distil"]
    assert student.facts["max_length"] == 128
    assert student.facts["dims"]["hidden"] == 384
    assert student.facts["history"][-1]["dev"]["loss"] > 0

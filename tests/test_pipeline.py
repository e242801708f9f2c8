"""Runs: every step once, only what changed again, nothing of others overwritten."""

import inspect
import json

import pytest
import yaml

import limbeck
from limbeck.core.errors import DataError, LimbeckError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.recipe import read_recipe
from limbeck.pipeline import Result, resolve, run, run_file, table_of
from tests import models

TOY = [
    "finetune.max_length=32",
    "finetune.epochs=4",
    "finetune.learning_rate=3e-3",
    "finetune.batch_size=16",
    "distil.phases[0].epochs=1",
    "distil.phases[0].learning_rate=2e-3",
    "distil.phases[1].epochs=1",
    "evaluate.draws=100",
    "benchmark.texts=10",
    "benchmark.rounds=2",
    "quantize.min_agreement=0",
    "quantize.max_drop=1",
]
STEPS = ("prepare", "finetune", "distil", "export", "quantize", "evaluate", "benchmark", "package", "report")


def compress(rows, out, backbone, settings=(), **options) -> Result:
    return limbeck.compress(
        rows, out, teacher=str(backbone), settings=[*TOY, *settings], log=Journal(quiet=True), **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def rows(folder):
    return models.reviews(folder / "reviews.csv")


@pytest.fixture(scope="module")
def backbone(folder):
    return models.backbone(folder / "backbone")


@pytest.fixture(scope="module")
def finished(folder, rows, backbone) -> Result:
    return compress(rows, folder / "tiny", backbone)


def test_result_is_laid_out_as_promised(finished):
    assert finished.ran == STEPS
    for name in ("recipe.yaml", "measurements.json", "report.html", "log.jsonl"):
        assert (finished.out / name).is_file()
    for name in ("teacher", "student", "bundle"):
        assert limbeck.open_bundle(finished.out / name).verify()


def test_measurements_name_model_metric_and_interval(finished):
    rows = json.loads((finished.out / "measurements.json").read_text())
    assert {r["model"] for r in rows} == {"teacher", "student", "bundle"}
    accuracy = [r for r in rows if r["metric"] == "accuracy"]
    assert len(accuracy) == 3
    assert all(r["low"] <= r["value"] <= r["high"] and r["split"] == "test" and r["n"] > 0 for r in accuracy)


def test_bundle_predicts(finished):
    answers = limbeck.load(finished.out / "bundle").predict(["the good film", "the bad film"])
    assert [set(a) >= {"label", "probability"} for a in answers] == [True, True]


def test_table_has_a_row_for_each_model(finished):
    table = finished.table()
    assert all(role in table for role in ("teacher", "student", "bundle", "report.html"))
    assert max(map(len, table.splitlines()[:6])) <= 110


def test_same_command_does_nothing_again(finished, rows, backbone):
    before = {p: p.stat().st_mtime_ns for p in finished.out.rglob("model.*")}
    assert compress(rows, finished.out, backbone).ran == ()
    assert {p: p.stat().st_mtime_ns for p in finished.out.rglob("model.*")} == before


@pytest.mark.slow
def test_resolved_recipe_reproduces_the_run(finished, tmp_path):
    log = Journal(quiet=True)
    again = run_file(finished.out / "recipe.yaml", tmp_path / "again", [], log)
    for step in ("prepare", "finetune", "distil"):
        assert again.bundles[step].digest == finished.bundles[step].digest
    same = run_file(finished.out / "recipe.yaml", finished.out, [], log)
    assert same.ran == ()


def test_changed_field_runs_again_only_what_depends_on_it(folder, finished, rows, backbone):
    ran = compress(rows, folder / "tiny", backbone, ["benchmark.texts=11"]).ran
    assert ran == ("benchmark", "package", "report")


def test_damaged_result_is_made_again(folder, finished, rows, backbone):
    compress(rows, folder / "tiny", backbone)
    damaged = finished.out / "student" / "model.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    assert compress(rows, folder / "tiny", backbone).ran == ("distil",)


def test_directory_of_others_is_left_alone(rows, backbone, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(LimbeckError, match="no Limbeck run"):
        compress(rows, tmp_path, backbone)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("distill.epochs=3", "no step 'distill'"),
        ("finetune.epoch=3", "did you mean 'epochs'"),
        ("finetune.epochs=0", "finetune.epochs: .*greater than or equal to 1"),
        ("distil.phases[7].epochs=3", "no index"),
        ("distil.phases[0].objectives[0].kind=soft_target", "no objective 'soft_target'; did you mean 'soft_targets'"),
        ("finetune.epochs", "step.field=value"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(rows, backbone, tmp_path, setting, message):
    with pytest.raises(RecipeError, match=message):
        compress(rows, tmp_path / "out", backbone, [setting])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        ({"student": "9x24"}, [], "layers=9"),
        ({"student": "2x999"}, [], "hidden=999"),
        ({"student": "layers=2,hidden=12,heads=2"}, ["distil.phases[1].objectives=[attention_scores]"], "heads=4"),
    ],
)
def test_what_cannot_work_is_refused_before_the_teacher_is_trained(
    rows, backbone, tmp_path, options, settings, message
):
    with pytest.raises(RecipeError, match=message):
        compress(rows, tmp_path / "out", backbone, settings, **options)
    assert not (tmp_path / "out").exists()


def test_width_that_a_family_does_not_admit_is_refused_before_the_teacher_is_trained(rows, tmp_path):
    mobile = models.backbone(tmp_path / "mobile", "mobilebert", layers=2)
    with pytest.raises(RecipeError, match="only the layers can change"):
        compress(rows, tmp_path / "out", mobile, student="1x12")
    assert not (tmp_path / "out").exists()


def test_missing_teacher_is_refused_before_anything_is_written(rows, tmp_path):
    with pytest.raises(LimbeckError, match="no such model directory"):
        compress(rows, tmp_path / "out", tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_wrong_column_is_refused_with_the_columns_there_are(rows, backbone, tmp_path):
    with pytest.raises(DataError, match="'text', 'label'"):
        compress(rows, tmp_path / "out", backbone, text="review")


def test_reference_to_nothing_is_refused(tmp_path):
    recipe = {"limbeck": 1, "steps": [{"stage": "export", "from": {"model": "teacher"}}]}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(RecipeError, match=r"export.from.model: 'teacher' is neither"):
        run(read_recipe(tmp_path / "r.yaml"), tmp_path / "out", Journal(quiet=True))


def test_compress_is_the_shipped_recipe():
    defaults = {name: p.default for name, p in inspect.signature(limbeck.compress).parameters.items()}
    shipped = resolve(read_recipe(models.ROOT / "recipes" / "compress.yaml"))
    fields = {step.stage: step.fields for step in shipped.steps}
    assert defaults["teacher"] == fields["finetune"]["model"]
    assert defaults["student"] == fields["distil"]["student"]
    assert defaults["seed"] == shipped.seed


def test_recipe_is_run_by_its_name(rows, backbone, tmp_path):
    settings = [f"prepare.train={rows}", f"finetune.model={backbone}", "finetune.max_length=999"]
    with pytest.raises(LimbeckError, match="999"):  # the backbone has 64 positions: the recipe was found and foreseen
        run_file("compress", tmp_path / "out", settings, Journal(quiet=True))


def test_stage_functions_show_their_fields(finished):
    parameters = inspect.signature(limbeck.distil).parameters
    assert {"teacher", "data", "out", "student", "phases", "seed"} <= parameters.keys()
    assert parameters["student"].annotation is str
    with pytest.raises(RecipeError, match="missing teacher; it needs teacher"):
        limbeck.distil(out="nowhere")
    with pytest.raises(RecipeError, match=r"give teacher and.* either data or corpus"):
        limbeck.distil(teacher=finished.bundles["finetune"], out="nowhere")
    with pytest.raises(LimbeckError, match="two: no such directory"):
        limbeck.distil(
            teacher=finished.out / "teacher", teacher_2="two", data=finished.out / "steps/data", out="nowhere"
        )
    with pytest.raises(RecipeError, match=r"distil\.tutor: no such field"):
        limbeck.distil(teacher="one", tutor="two", data="three", out="nowhere")


def test_file_of_the_user_in_a_result_is_left_there(folder, finished, rows, backbone):
    compress(rows, folder / "tiny", backbone)
    (finished.out / "bundle" / "NOTES.txt").write_text("mine")
    assert compress(rows, folder / "tiny", backbone).ran == ()
    assert (finished.out / "bundle" / "NOTES.txt").read_text() == "mine"
    (finished.out / "bundle" / "NOTES.txt").unlink()


def test_run_directory_predicts_as_its_bundle_does(finished):
    texts = ["the good film"]
    assert limbeck.load(finished.out).predict(texts) == limbeck.load(finished.out / "bundle").predict(texts)


def test_file_of_rows_is_evaluated_whole(finished, tmp_path):
    other = models.reviews(tmp_path / "other.csv", 60, seed=5)
    measured = limbeck.evaluate(
        teacher=finished.out / "teacher", data=other, out=tmp_path / "e", log=Journal(quiet=True)
    )
    assert measured.facts["n"] == 60


def test_wrong_reference_is_refused_before_the_first_step(rows, tmp_path):
    steps = [{"stage": "prepare", "out": "d", "train": str(rows)}, {"stage": "export", "from": {"model": "nix"}}]
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"limbeck": 1, "steps": steps}))
    with pytest.raises(RecipeError, match="'nix' is neither an earlier step's `out` \\(d\\)"):
        run(read_recipe(tmp_path / "r.yaml"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_measured_is_told_as_a_table(finished):
    evaluate, benchmark, distil = (
        limbeck.open_bundle(finished.bundles[n].path) for n in ("evaluate", "benchmark", "distil")
    )
    assert "accuracy" in table_of(evaluate)
    assert "p50" in table_of(benchmark)  # which another test may have made again
    assert table_of(distil) == ""


def test_a_stage_that_is_not_given_what_it_needs_says_what(folder, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    rows = models.reviews(tmp_path / "reviews.csv")
    for steps, told in {
        "{stage: evaluate, out: e, from: {student: data}}": r"evaluate\.from: give data \(found student\)",
        "{stage: distil, out: s, from: {data: data}}": r"distil\.from: give teacher",
        "{stage: quantize, out: q, from: {data: data}}": r"quantize\.from: give model \(found data\)",
    }.items():
        recipe.write_text(f"limbeck: 1\nsteps: [{{stage: prepare, out: data, train: {rows}}}, {steps}]\n")
        with pytest.raises(RecipeError, match=told):
            run_file(recipe, tmp_path / "out", (), Journal(quiet=True))

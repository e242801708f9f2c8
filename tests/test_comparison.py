"""Comparisons of tiny networks: what is shared, what is told, what is refused."""

import json
import shutil

import pytest
import yaml

import limbeck
from limbeck.core.errors import DataError, LimbeckError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.recipe import read_recipe
from limbeck.engine.interruption import StoppedError
from limbeck.stages import distil
from tests import models

TOY = [
    "finetune.max_length=32",
    "finetune.epochs=2",
    "finetune.learning_rate=3e-3",
    "finetune.batch_size=16",
    "distil.phases[0].epochs=1",
    "distil.phases[0].learning_rate=2e-3",
    "evaluate.draws=100",
]
DISTIL = {"stage": "distil", "from": {"teacher": "finetune", "data": "prepare"}, "objectives": ["soft_targets"]}
RECIPE = [
    {"stage": "prepare", "train": "theirs.csv", "label": "theirs"},
    {"stage": "finetune", "from": {"data": "prepare"}},
    DISTIL,
    {"stage": "evaluate", "from": {"data": "prepare", "teacher": "finetune", "student": "distil"}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparisons")
    models.reviews(folder / "reviews.csv")
    models.backbone(folder / "backbone")
    saved(folder / "logits.yaml", RECIPE)
    alone = {"stage": "finetune", "name": "student", "from": {"data": "prepare"}, "model": str(folder / "backbone")}
    alone |= {"max_length": 32, "epochs": 1}
    evaluate = {"stage": "evaluate", "from": {"data": "prepare", "student": "student"}}
    saved(folder / "alone.yaml", [RECIPE[0], alone, evaluate])
    labels = [RECIPE[0], RECIPE[1], {**DISTIL, "objectives": ["labels"]}, RECIPE[3]]
    saved(folder / "labels.yaml", labels)
    return folder


def saved(path, steps):
    path.write_text(yaml.safe_dump({"limbeck": 1, "steps": steps}))
    return path


def compare(folder, recipes, out, seeds=(0, 1), settings=TOY, **options):
    references = [name if name == "compress" or "=" in name else folder / f"{name}.yaml" for name in recipes]
    options = {"data": folder / "reviews.csv", "teacher": str(folder / "backbone"), **options}
    log = Journal(quiet=True)
    return limbeck.compare(references, out=folder / out, seeds=seeds, settings=settings, log=log, **options)


@pytest.fixture(scope="module")
def finished(folder):
    return compare(folder, ["logits", "labels", "alone"], "finished")


def test_what_recipes_share_is_made_once(finished):
    assert finished.failures == {}
    assert [name for name in finished.ran if "seed 0" in name] == [
        *(f"logits seed 0: {step}" for step in ("prepare", "finetune", "distil", "evaluate")),
        *(f"labels seed 0: {step}" for step in ("distil", "evaluate")),
        *(f"alone seed 0: {step}" for step in ("student", "evaluate")),
    ]
    assert len(finished.ran) == 16


def test_each_seed_has_a_teacher_of_its_own(finished):
    of_logits = finished.repeats.of("logits")
    assert [t.seed for t in of_logits] == [0, 1]
    assert len({t.models["teacher"] for t in of_logits}) == 2
    assert of_logits[0].models["teacher"] == finished.repeats.of("labels")[0].models["teacher"]


def test_every_run_is_measured(finished):
    for trial in finished.repeats.trials:
        student = trial.find("student", "accuracy")
        assert student.split == "test"
        assert student.n == 16
        assert trial.find("student", "parameters").value > 0
        assert trial.find("student", "size_bytes").value > 0
        assert 0 <= trial.find("student", "training_seconds").value < trial.find("run", "seconds").value
        assert (trial.find("student", "retention") is None) == (trial.recipe == "alone")


def test_results_lie_where_they_are_promised(finished):
    rows = json.loads((finished.out / "comparison.json").read_text())
    assert {(r["recipe"], r["seed"]) for r in rows} == {
        (recipe, seed) for recipe in ("logits", "labels", "alone") for seed in (0, 1, None)
    }
    assert "| logits |" in (finished.out / "comparison.md").read_text()
    assert "Limbeck comparison" in (finished.out / "comparison.html").read_text()
    table = finished.table()
    assert all(part in table for part in ("logits", "labels", "alone", "over logits", "comparison.html"))
    assert not (finished.out / "steps" / "cache").exists()


def test_each_run_has_a_recipe_that_says_where_its_models_are(finished):
    recipe = read_recipe(finished.out / "runs" / "labels-seed-1.yaml")
    assert recipe.seed == 1
    student = limbeck.open_bundle(finished.out / recipe.steps[2].place)
    assert student.digest == finished.repeats.of("labels")[1].models["student"]
    assert recipe.steps[2].inputs["teacher"] == recipe.steps[1].place


def test_same_command_does_only_what_is_missing(folder, finished):
    again = compare(folder, ["logits", "labels", "alone"], "finished")
    assert again.ran == ()
    assert again.repeats.plain() == finished.repeats.plain()
    recipe = read_recipe(finished.out / "runs" / "labels-seed-1.yaml")
    shutil.rmtree(finished.out / recipe.steps[2].place)
    assert compare(folder, ["logits", "labels", "alone"], "finished").ran == ("labels seed 1: distil",)


def test_what_was_finished_stays_on_the_page_while_more_is_run(folder, finished, monkeypatch):
    """A comparison is continued with another recipe, and stopped before its second seed."""
    out = shutil.copytree(finished.out, folder / "more")
    saved(folder / "mse.yaml", [RECIPE[0], RECIPE[1], {**DISTIL, "objectives": ["logit_mse"]}, RECIPE[3]])
    run, done = distil.run, []

    def stopped(*arguments):
        done.append(None)
        if len(done) == 2:
            raise StoppedError(15, "stopped")
        return run(*arguments)

    monkeypatch.setattr(distil, "run", stopped)
    with pytest.raises(StoppedError):
        compare(folder, ["logits", "labels", "alone", "mse"], "more")
    rows = json.loads((out / "comparison.json").read_text())
    told = {(row["recipe"], row["seed"]) for row in rows if row["seed"] is not None}
    assert told == {("mse", 0), *((name, seed) for name in ("logits", "labels", "alone") for seed in (0, 1))}
    assert "1 of all runs are still to come" in (out / "comparison.md").read_text()


def test_recipes_that_are_measured_on_other_rows_are_not_compared(folder, finished):
    dev = [*RECIPE[:3], {**RECIPE[3], "split": "dev"}]
    saved(folder / "dev.yaml", dev)
    shutil.copytree(finished.out, folder / "rows")
    found = compare(folder, ["logits", "dev"], "rows", seeds=(0,))
    assert [(t.recipe, t.seed) for t in found.repeats.trials] == [("logits", 0)]
    (reason,) = found.failures.values()
    assert "measured on other rows than logits" in reason
    assert "(dev, of logits test)" in reason


def test_another_metric_is_shown_without_running_anything_again(folder, finished):
    found = compare(folder, ["logits", "labels", "alone"], "finished", metric="f1")
    assert found.ran == ()
    assert found.repeats.primary == "f1"
    assert "Scores: F1 on test, %" in found.table()
    assert "F1 of the student" in (found.out / "comparison.html").read_text()
    for trial in found.repeats.of("logits"):
        teacher, student = (trial.find(role, "f1").value for role in ("teacher", "student"))
        assert trial.find("student", "retention").value == pytest.approx(student / teacher)
    lowest = compare(folder, ["logits", "labels", "alone"], "finished", metric={"reviews": "log_loss"})
    means = {name: lowest.repeats.mean(name, "student", "log_loss").value for name in ("logits", "labels", "alone")}
    best = min(means, key=means.get)
    assert f"{best} scores lowest, which is best: log loss" in (found.out / "comparison.md").read_text()
    compare(folder, ["logits", "labels", "alone"], "finished")


def test_a_metric_that_the_task_does_not_have_is_refused_before_anything_is_trained(folder):
    with pytest.raises(RecipeError, match="--metric pearson: reviews is not measured by it but by accuracy, f1"):
        compare(folder, ["logits"], "wrong-metric", metric="pearson")
    assert [p.name.partition("-")[0] for p in (folder / "wrong-metric" / "steps").iterdir()] == ["prepare"]


def test_several_data_sets_have_a_column_each_and_their_mean(folder):
    models.reviews(folder / "films.csv", seed=5)
    data = [folder / "reviews.csv", f"other={folder / 'films.csv'}"]
    found = compare(folder, ["alone"], "several", seeds=(0, 1), data=data, settings=[])
    heads, row = found.across.table()
    assert heads[:5] == ("recipe", "seeds", "reviews", "other", "mean")
    scores = [[t.find("student", "accuracy").value for t in of.of("alone")] for of in found.across.sets.values()]
    mean = found.repeats.mean("alone", "student", "mean")
    assert mean.value == pytest.approx(sum(map(sum, scores)) / 4)
    assert row[4].startswith(f"{100 * mean.value:.1f} [")
    assert {p.name for p in (found.out / "runs").iterdir()} == {
        f"alone-on-{data}-seed-{seed}.yaml" for data in ("reviews", "other") for seed in (0, 1)
    }
    rows = json.loads((found.out / "comparison.json").read_text())
    assert {r["data"] for r in rows} == {"reviews", "other", None}
    page = (found.out / "comparison.html").read_text()
    assert "mean over 2 data sets" in page
    assert "accuracy on other" in page


def test_a_failing_run_is_reported_and_the_others_go_on(folder, monkeypatch):
    from limbeck.stages import distil

    whole = distil.run

    def run(spec, inputs, out, log):
        if spec.phases[0].objectives[0].kind == "labels" and spec.seed == 0:
            raise RuntimeError("out of <b>memory</b>")
        return whole(spec, inputs, out, log)

    monkeypatch.setattr(distil, "run", run)
    found = compare(folder, ["logits", "labels"], "failing")
    assert found.failures == {"labels seed 0": "RuntimeError: out of <b>memory</b>"}
    assert [len(found.repeats.of(name)) for name in ("logits", "labels")] == [2, 1]
    page = (found.out / "comparison.html").read_text()
    assert "out of &lt;b&gt;memory" in page
    assert "Traceback" in (found.out / "comparison.jsonl").read_text()
    monkeypatch.setattr(distil, "run", whole)
    assert compare(folder, ["logits", "labels"], "failing").ran == ("labels seed 0: distil", "labels seed 0: evaluate")


def test_nothing_finished_is_an_error(folder, monkeypatch):
    from limbeck.stages import finetune

    def run(spec, inputs, out, log):
        raise LimbeckError("the loss is nan")

    monkeypatch.setattr(finetune, "run", run)
    with pytest.raises(LimbeckError, match="no run was finished:\nlogits seed 0: the loss is nan"):
        compare(folder, ["logits"], "nothing", seeds=(0,))


def test_a_comparison_that_is_asked_to_end_does_not_go_on_with_the_next_run(folder, monkeypatch):
    from limbeck.engine.interruption import StoppedError
    from limbeck.stages import finetune

    def run(spec, inputs, out, log):
        raise StoppedError(15, "stopped")

    monkeypatch.setattr(finetune, "run", run)
    with pytest.raises(StoppedError):
        compare(folder, ["logits"], "stopped", seeds=(0,))


def test_shipped_recipe_runs_as_far_as_wanted(folder):
    settings = [*TOY, "distil.phases[1].epochs=1"]
    found = compare(folder, ["compress"], "short", seeds=(3,), settings=settings, until="student", student="2x12")
    assert found.failures == {}
    assert [name.partition(": ")[2] for name in found.ran] == ["prepare", "finetune", "distil", "evaluate"]
    recipe = read_recipe(found.out / "runs" / "compress-seed-3.yaml")
    assert recipe.steps[2].fields["student"] == "2x12"
    assert "no interval" in found.table()


def test_a_shape_is_for_those_that_distil(folder, capsys):
    wanted = {"data": folder / "reviews.csv", "teacher": str(folder / "backbone"), "student": "1x24", "seeds": (0,)}
    both = [folder / "labels.yaml", folder / "alone.yaml"]
    found = limbeck.compare(both, out=folder / "shaped", settings=TOY, **wanted)
    assert "--student 1x24: alone make no student by distilling" in capsys.readouterr().err
    sizes = [found.repeats.mean(name, "student", "parameters").value for name in ("labels", "alone")]
    assert sizes[0] < sizes[1]
    with pytest.raises(RecipeError, match="no recipe distils its student"):
        limbeck.compare(both[1:], out=folder / "shapeless", **wanted)


def test_a_finished_teacher_is_kept_unless_a_fresh_one_is_wanted(folder, finished):
    recipe = read_recipe(finished.out / "runs" / "logits-seed-0.yaml")
    teacher = str(finished.out / recipe.steps[1].place)
    kept = compare(folder, ["logits"], "kept", teacher=teacher)
    assert kept.repeats.mean("logits", "student", "accuracy").n == 2
    assert len({t.models["teacher"] for t in kept.repeats.trials}) == 1
    fresh = compare(folder, ["logits"], "fresh", teacher=teacher, fresh_teacher=True)
    assert len({t.models["teacher"] for t in fresh.repeats.trials}) == 2


@pytest.mark.parametrize(
    ("recipes", "options", "message"),
    [
        (["compres"], {}, "did you mean 'compress'"),
        (["nowhere.yaml"], {}, "nowhere.yaml: cannot be read"),
        ([], {}, "no recipe is given"),
        (["compress", "compress"], {}, "two recipes are called 'compress'; tell them apart as NAME=FILE"),
        (["<b>=compress"], {}, "the name '<b>' may hold letters"),
        (["compress"], {"seeds": ()}, "seeds"),
        (["compress"], {"seeds": (0, 0)}, "different whole numbers"),
        (["compress"], {"seeds": (-1,)}, "seeds -1: give"),
        (["compress"], {"until": "onnx"}, "recipe compress: evaluates teacher, student, bundle; no 'onnx'"),
        (["compress"], {"settings": ["seed=3"]}, "given by --seeds"),
        (["compress"], {"settings": ["distill.epochs=3"]}, "did you mean 'distil'"),
        (["compress"], {"settings": ["finetune.epoch=3"]}, "recipe compress: finetune.epoch: no such field"),
        (["compress"], {"settings": ["benchmark.texts=9"]}, "no step 'benchmark' is run"),
        (["compress"], {"student": "99x24"}, "recipe compress: .*layers=99"),
        (["compress"], {"metric": "acuracy"}, "no metric 'acuracy'; did you mean 'accuracy'"),
        (["compress"], {"metric": {"films": "f1"}}, "--metric films=f1: no such data set; there are reviews"),
        (["compress"], {"data": []}, "no data set is given"),
        (["compress"], {"data": ["a=x.csv", "a=y.csv"]}, "two data sets are called 'a'; tell them apart as NAME=DATA"),
        (["compress"], {"data": ["a=x.csv", "b=x.csv"]}, "x.csv: stands twice, as a and b"),
        (["compress"], {"data": ["x.csv", "y.csv"], "dev": "z.csv"}, "give folders that hold files called train"),
        (["compress"], {"teacher": "nowhere"}, "recipe compress: nowhere: no such model directory"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(folder, tmp_path, recipes, options, message):
    wanted = {"data": folder / "reviews.csv", "teacher": str(folder / "backbone"), "settings": TOY[:2], **options}
    with pytest.raises(LimbeckError, match=message):
        limbeck.compare(recipes, out=tmp_path / "out", log=Journal(quiet=True), **wanted)
    assert not (tmp_path / "out").exists()


def test_missing_rows_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        compare(folder, ["logits"], tmp_path / "out", data=tmp_path / "none.csv")
    assert not (tmp_path / "out").exists()


def test_recipe_without_prepare_is_refused(folder, tmp_path):
    saved(tmp_path / "bare.yaml", RECIPE[1:])
    with pytest.raises(RecipeError, match="recipe bare: 0 steps `prepare`"):
        compare(folder, [f"bare={tmp_path / 'bare.yaml'}"], "bare", seeds=(0,))


def test_directory_of_others_is_left_alone(folder, tmp_path):
    (tmp_path / "recipe.yaml").write_text("limbeck: 1")
    with pytest.raises(LimbeckError, match="no Limbeck comparison"):
        compare(folder, ["logits"], tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.yaml"]


def test_names_tell_files_of_one_name_apart(folder, tmp_path):
    saved(tmp_path / "logits.yaml", RECIPE)
    found = compare(folder, ["logits", f"mine={tmp_path / 'logits.yaml'}"], "named", seeds=(0,))
    assert found.repeats.recipes == ("logits", "mine")
    assert {name.partition(" ")[0] for name in found.ran} == {"logits"}  # the same steps are the same results
    assert found.repeats.gain("mine").value == 0

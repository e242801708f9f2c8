"""Probes of tiny encoders on tiny data: what is told of each, what is shared, what is refused."""

import json
import shutil

import pytest
from typer.testing import CliRunner

import limbeck
from limbeck.cli.app import app
from limbeck.core.errors import DataError, LimbeckError
from limbeck.core.journal import Journal
from limbeck.core.recipe import read_recipe
from tests import models

TOY = [
    "finetune.max_length=32",
    "finetune.epochs=1",
    "finetune.learning_rate=[3e-3, 1e-3]",
    "finetune.batch_size=16",
    "evaluate.draws=100",
]
QUIET = Journal(quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probes")
    (folder / "films").mkdir()
    for seed, (split, rows) in enumerate([("train", 96), ("dev", 32), ("test", 32)]):
        models.reviews(folder / "films" / f"{split}.csv", rows, seed=seed)
    models.entities(folder / "names.conll", 120)
    models.backbone(folder / "bare", layers=2)
    models.masked_lm(folder / "masked")
    limbeck.import_checkpoint(
        config=folder / "masked", out=folder / "bundle", head="masked_lm", max_length=32, log=QUIET
    )
    return folder


def probe(folder, names, out, data=("films", "names.conll"), seeds=(0, 1), **options):
    options = {"settings": TOY, "log": QUIET, **options}
    references = [str(folder / name) if "=" not in name else name for name in names]
    return limbeck.probe(references, data=[folder / name for name in data], out=folder / out, seeds=seeds, **options)


@pytest.fixture(scope="module")
def finished(folder):
    return probe(folder, ["bare", "masked", "bundle"], "finished")


def test_every_encoder_has_a_score_on_every_data_set_and_their_mean(finished):
    assert finished.failures == {}
    heads, *rows = finished.across.table()
    assert heads == ("encoder", "seeds", "films", "names", "mean", "training", "whole", "parameters", "size")
    assert [row[:2] for row in rows] == [("bare", "2"), ("masked", "2"), ("bundle", "2")]
    assert "[" in rows[0][2], "an interval over seeds"
    for name in ("bare", "masked", "bundle"):
        films = [t.find("student", "accuracy").value for t in finished.across.sets["films"].of(name)]
        names = [t.find("student", "entity_f1").value for t in finished.across.sets["names"].of(name)]
        means = [t.find("student", "mean").value for t in finished.repeats.of(name)]
        assert means == pytest.approx([(one + other) / 2 for one, other in zip(films, names, strict=True)])
    assert "Scores: accuracy on films, entity F1 on names" in finished.table()


def test_what_encoders_share_is_made_once_and_a_bundle_is_as_good_as_its_directory(finished):
    prepared = [name for name in finished.ran if name.endswith("prepare")]
    assert len(prepared) == 2 * 2
    assert prepared[:2] == ["bare on films seed 0: prepare", "bare on names seed 0: prepare"]
    one, other = (finished.repeats.of(name) for name in ("masked", "bundle"))
    assert [t.models["student"] for t in one] == [t.models["student"] for t in other]


def test_the_better_of_two_rates_is_kept(finished):
    recipe = read_recipe(finished.out / "runs" / "bare-on-films-seed-1.yaml")
    trained = limbeck.open_bundle(finished.out / recipe.steps[1].place)
    assert [epoch["phase"] for epoch in trained.facts["history"]] == ["finetune 0.003", "finetune 0.001"]
    assert trained.facts["task"]["kind"] == "text_classification"


def test_results_lie_where_they_are_promised(finished):
    rows = json.loads((finished.out / "probe.json").read_text())
    assert {(r["encoder"], r["data"]) for r in rows} == {
        (name, data) for name in ("bare", "masked", "bundle") for data in ("films", "names", None)
    }
    assert "| bare | 2 |" in (finished.out / "probe.md").read_text()
    page = (finished.out / "probe.html").read_text()
    assert "Limbeck probe" in page
    assert "accuracy on films" in page
    assert "What a teacher answers" not in page


def test_the_same_command_does_only_what_is_missing(folder, finished):
    again = probe(folder, ["bare", "masked", "bundle"], "finished")
    assert again.ran == ()
    assert again.across.plain() == finished.across.plain()
    recipe = read_recipe(finished.out / "runs" / "masked-on-names-seed-0.yaml")
    shutil.rmtree(finished.out / recipe.steps[1].place)
    assert probe(folder, ["bare", "masked", "bundle"], "finished").ran == ("masked on names seed 0: finetune",)


def test_each_data_set_may_be_scored_by_a_metric_of_its_own(folder, finished):
    found = probe(folder, ["bare", "masked", "bundle"], "finished", metric={"films": "f1"})
    assert found.ran == ()
    assert "Scores: F1 on films, entity F1 on names" in found.table()
    lost = probe(folder, ["bare", "masked", "bundle"], "finished", metric={"films": "log_loss"})
    assert "mean" not in lost.across.table()[0], "a loss and a score have no mean"
    assert (
        "No mean is taken of scores that are not alike: log loss of films, entity F1 of names."
        in (lost.out / "probe.md").read_text()
    )


def test_a_run_that_fails_leaves_its_encoder_without_a_mean(folder, monkeypatch):
    from limbeck.stages import finetune

    whole = finetune.run

    def run(spec, inputs, out, log):
        if spec.model.endswith("masked") and len(inputs["data"].labels) == 2:
            raise RuntimeError("out of memory")
        return whole(spec, inputs, out, log)

    monkeypatch.setattr(finetune, "run", run)
    found = probe(folder, ["bare", "masked"], "failing", seeds=(0,))
    assert found.failures == {"masked on films seed 0": "RuntimeError: out of memory"}
    heads, _, row = found.across.table()
    told = dict(zip(heads, row, strict=True))
    assert (told["films"], told["mean"], told["seeds"]) == ("–", "–", "0")
    assert told["names"] != "–"


def test_one_data_set_needs_no_mean(folder):
    found = probe(folder, ["bare"], "single", data=["films"], seeds=(0,))
    assert found.across.table()[0] == ("encoder", "seeds", "score", "training", "whole", "parameters", "size")
    assert (found.out / "runs" / "bare-seed-0.yaml").is_file()


def test_wrong_models_and_data_are_refused_before_anything_is_written(folder, tmp_path):
    toothless = shutil.copytree(folder / "bare", tmp_path / "toothless")
    (toothless / "tokenizer.json").unlink()
    cases = [
        (["nowhere"], ["films"], "encoder nowhere: .*no such model directory"),
        ([], ["films"], "no encoder is given"),
        (["bare", "bare"], ["films"], "two encoders are called 'bare'; tell them apart as NAME=MODEL"),
        (["bare", f"a={toothless}"], ["films"], r"encoder a: .*no tokenizer; it needs tokenizer\.json"),
        (["films"], ["films"], "encoder films: .*no config.json"),
        (["bare"], [], "no data set is given"),
        (["bare"], ["films", "films"], "two data sets are called 'films'"),
        (["bare"], ["films", "missing.csv"], "missing.csv: no such file or folder"),
    ]
    for names, data, message in cases:
        with pytest.raises(LimbeckError, match=message):
            probe(folder, names, tmp_path / "out", data=data)
    assert not (tmp_path / "out").exists()


def test_rows_that_cannot_be_used_are_refused_before_anything_is_trained(folder, tmp_path):
    (tmp_path / "odd.csv").write_text("text,label\n" + "a film,good\n" * 40)
    with pytest.raises(DataError, match="holds nothing but 'good'"):
        probe(folder, ["bare"], tmp_path / "out", data=["films", tmp_path / "odd.csv"])
    assert {p.name.partition("-")[0] for p in (tmp_path / "out" / "steps").iterdir()} == {"prepare"}


def test_the_verb_prints_the_table(folder, finished):
    def probed(*more):
        wanted = [str(folder / name) for name in ("bare", "masked", "bundle")]
        data = [f"--data={folder / name}" for name in ("films", "names.conll")]
        settings = [f"--set={setting}" for setting in TOY]
        given = ["probe", *wanted, *data, *settings, "--seeds", "0,1", "--out", str(finished.out), *more]
        return CliRunner().invoke(app, given)

    assert "entity F1 on names" in probed().stdout
    assert "Scores: F1 on films" in probed("--metric", "films=f1").stdout
    twice = probed("--metric", "f1", "--metric", "accuracy")
    assert twice.exit_code == 2
    assert "all data has f1 already" in twice.stderr

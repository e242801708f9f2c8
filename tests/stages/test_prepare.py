import json
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from limbeck.core.bundle import step_hash
from limbeck.core.errors import DataError, LimbeckError, ShelfError
from limbeck.core.journal import Journal
from limbeck.core.spec import parse
from limbeck.stages import prepare
from limbeck.text.examples import SPLITS, read_examples
from limbeck.text.split import plain_key
from tests.page.factory import Run
from tests.page.test_page import html_of


def rows(n, labels=("good", "bad"), start=0):
    """CSV rows that differ."""
    return "".join(f"film number {i},{labels[i % len(labels)]}\n" for i in range(start, start + n))


def write(path: Path, content: str) -> str:
    path.write_text(content, encoding="utf-8", newline="")
    return str(path)


def run(tmp_path, content="", name="films.csv", **fields):
    if content:
        fields = {"train": write(tmp_path / name, content), **fields}
    return prepare.run(parse(prepare.Spec, fields, "prepare"), {}, tmp_path / "data", Journal(quiet=True))


def refused(tmp_path, *args, **fields) -> str:
    with pytest.raises(DataError) as error:
        run(tmp_path, *args, **fields)
    assert not (tmp_path / "data").exists()
    return str(error.value)


def keys(bundle, split):
    return {plain_key(e) for e in read_examples(bundle, split)}


def test_facts(tmp_path):
    bundle = run(tmp_path, "text,label\n" + rows(200)).verify()
    assert bundle.stage == "prepare"
    assert bundle.labels == ("bad", "good")
    assert bundle.facts["name"] == "films"
    assert bundle.facts["task"] == {"kind": "text_classification", "text": "text", "pair": "", "label": "label"}
    assert bundle.facts["counts"] == {"train": 160, "dev": 20, "test": 20, "unlabelled": 0}
    assert bundle.facts["warnings"] == []
    assert bundle.facts["detected"] == [
        f"{tmp_path}/films.csv: CSV, 2 columns: text → text, label → label; text_classification with 2 labels: "
        "bad (50 %), good (50 %)",
        "rows: train 160, dev 20, test 20; dev and test set aside from train",
    ]


def test_what_was_detected_is_said_and_recorded(tmp_path, capsys):
    spec = prepare.Spec(
        train=write(tmp_path / "a.csv", "id,text,label\n" + "".join(f"{i},x{i},{i % 2}\n" for i in range(200)))
    )
    prepare.run(spec, {}, tmp_path / "data", Journal(tmp_path / "log.jsonl"))
    said = " ".join(capsys.readouterr().err.split())
    assert "text → text, label → label" in said
    assert "columns not used: id (choose others with --text, --pair, --label)" in said


def test_splits_are_stratified_and_without_leaks(tmp_path):
    content = "text,label\n" + rows(100) + rows(100).upper().replace("GOOD", "good").replace("BAD", "bad")
    bundle = run(tmp_path, content)
    parts = [keys(bundle, split) for split in SPLITS]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert [e.target for e in read_examples(bundle, "test")].count("good") == 10
    assert "train: 80 of 160 rows repeat an earlier one; all are kept" in bundle.facts["warnings"]


def test_splits_are_the_same_in_another_process(tmp_path):
    bundle = run(tmp_path, "text,label\n" + rows(200), seed=5)
    code = (
        "import sys; from pathlib import Path; from limbeck.stages import prepare; "
        "from limbeck.core.journal import Journal; "
        "print(prepare.run(prepare.Spec(train=sys.argv[1], seed=5), {}, Path(sys.argv[2]), Journal(quiet=True)).digest)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "films.csv"), str(tmp_path / "again")]
    again = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "3"})
    assert again.stdout.strip() == bundle.digest


def test_the_seed_decides(tmp_path):
    first = keys(run(tmp_path, "text,label\n" + rows(200), seed=0), "test")
    assert keys(run(tmp_path, "text,label\n" + rows(200), seed=1), "test") != first


@pytest.mark.parametrize("given", ["dev", "test"])
def test_the_split_that_is_not_given_is_set_aside(tmp_path, given):
    other = write(tmp_path / "other.csv", "text,label\n" + rows(30, start=1000))
    bundle = run(tmp_path, "text,label\n" + rows(200), **{given: other})
    assert bundle.facts["counts"] == {"train": 180, "dev": 20, "test": 20, "unlabelled": 0} | {given: 30}


def test_given_splits_are_kept_and_their_overlap_is_counted(tmp_path):
    dev = write(tmp_path / "dev.csv", "text,label\n" + rows(20, start=1000))
    test = write(tmp_path / "test.csv", "text,label\n" + rows(15, start=10) + rows(15, start=2000))
    bundle = run(tmp_path, "text,label\n" + rows(100), dev=dev, test=test)
    assert bundle.facts["counts"] == {"train": 100, "dev": 20, "test": 30, "unlabelled": 0}
    assert bundle.facts["warnings"] == [
        "test: 15 of 30 rows stand in train too, so scores on test flatter; all are kept"
    ]


def test_unlabelled_rows_stay_in_train(tmp_path):
    bundle = run(tmp_path, "text,label\n" + rows(200) + "".join(f"raw {i},\n" for i in range(50)))
    assert bundle.facts["counts"] == {"train": 210, "dev": 20, "test": 20, "unlabelled": 50}
    assert "50 rows of train have no label: the student learns from the teacher on them" in bundle.facts["detected"]
    assert len(read_examples(bundle, "train", labelled=True)) == 160


def test_odd_data_is_counted(tmp_path):
    content = "text,label\n" + rows(200, ("ham",)) + "film number 1,spam\nlone,spam\n"
    warnings = run(tmp_path, content).facts["warnings"]
    assert warnings == [
        "train: 1 of 162 rows repeat an earlier one; all are kept",
        "train: 2 rows have the text of another row but not its label; all are kept",
        "train: fewer than 10 examples of 'spam' (2); scores of such classes mean little",
        "train: at least nine in ten have the label 'ham'; look at the scores of each class",
    ]


def test_every_warning_is_in_the_journal_with_the_data_and_on_the_page(tmp_path):
    files = {
        "train": rows(100) + rows(5) + "film number 1,good\nlone,rare\n",
        "dev": rows(20, start=1000) + rows(3) + rows(1, start=1000),
        "test": rows(20, start=2000) + rows(4) + rows(2, start=1000) + "film number 2000,bad\nraw,\n",
    }
    paths = {role: write(tmp_path / f"{role}.csv", "text,label\n" + text) for role, text in files.items()}
    log = Journal(tmp_path / "log.jsonl", quiet=True)
    warnings = prepare.run(prepare.Spec(**paths), {}, tmp_path / "data", log).facts["warnings"]
    events = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert [event["text"] for event in events if event["event"] == "warning"] == warnings
    assert warnings == [
        "train: 6 of 107 rows repeat an earlier one; all are kept",
        "train: 3 rows have the text of another row but not its label; all are kept",
        "dev: 1 of 24 rows repeat an earlier one; all are kept",
        "dev: 3 of 24 rows stand in train too, so scores on dev flatter; all are kept",
        "test: 1 of 28 rows repeat an earlier one; all are kept",
        "test: 2 rows have the text of another row but not its label; all are kept",
        "test: 4 of 28 rows stand in train too, so scores on test flatter; all are kept",
        "test: 5 of 28 rows stand in dev too, by which weights are chosen; all are kept",
        "test: 1 rows have no label and are not scored",
        "train: fewer than 10 examples of 'rare' (1); scores of such classes mean little",
    ]
    html = html_of(Run(warnings=warnings), tmp_path / "page")
    assert [
        unescape(line) for line in re.findall(r"<li><bdi>(.*?)</bdi></li>", html) if unescape(line) in warnings
    ] == warnings


def test_max_rows(tmp_path):
    bundle = run(tmp_path, "text,label\n" + rows(200), max_rows=15)
    assert [bundle.facts["counts"][split] for split in SPLITS] == [15, 15, 15]


def test_conll_with_columns_by_number(tmp_path):
    content = "".join(f"Anna{i} NNP B-PER\nsaw VBD O\n\n" for i in range(100))
    bundle = run(tmp_path, content, "a.conll", text="1", label="3")
    assert bundle.facts["task"] == {"kind": "token_classification", "text": "words", "label": "tags", "words": "spaces"}
    assert bundle.labels == ("O", "B-PER", "I-PER")
    assert "no column '7' for the tags" in refused(tmp_path / "..", content, f"{tmp_path.name}/a.conll", label="7")


def test_pairs_and_flags(tmp_path):
    lines = [json.dumps({"a": f"one {i}", "b": f"two {i}", "c": i % 3, "d": i % 2}) for i in range(200)]
    bundle = run(tmp_path, "\n".join(lines), "a.jsonl", text="b", pair="a", label="c")
    assert bundle.labels == ("0", "1", "2")
    assert read_examples(bundle, "dev")[0].pair.startswith("one")


def test_reader_and_encoding_can_be_named(tmp_path):
    path = tmp_path / "films.dat"
    path.write_bytes(("text;label\n" + rows(200).replace(",", ";").replace("film", "fílm")).encode("latin-1"))
    bundle = run(tmp_path, train=str(path), reader={"kind": "csv", "delimiter": ";"}, encoding="latin-1")
    assert read_examples(bundle, "train")[0].text.startswith("fílm")


def test_folder_of_datasets_uses_its_own_splits(tmp_path):
    datasets = pytest.importorskip("datasets", reason="the extra limbeck[train] is not installed")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    datasets.disable_progress_bars()

    def part(n, start):
        columns = {"text": [f"film {i}" for i in range(start, start + n)], "label": [i % 2 for i in range(n)]}
        return datasets.Dataset.from_dict(columns, features=features)

    folder = tmp_path / "saved"
    datasets.DatasetDict({"train": part(100, 0), "validation": part(12, 200)}).save_to_disk(folder)
    bundle = run(tmp_path, train=str(folder))
    assert bundle.labels == ("neg", "pos")
    assert bundle.facts["counts"] == {"train": 90, "dev": 12, "test": 10, "unlabelled": 0}
    assert any(name.startswith("train/data-") for name in prepare.outside(prepare.Spec(train=str(folder))))


def test_folder_with_a_file_for_each_split(tmp_path):
    folder = tmp_path / "sst2"
    folder.mkdir()
    (folder / "train.csv").write_text("text,label\n" + rows(100))
    (folder / "valid.csv").write_text("text,label\n" + rows(12, start=200))
    (folder / "README.md").write_text("films")
    bundle = run(tmp_path, train=str(folder))
    assert bundle.facts["name"] == "sst2"
    assert bundle.facts["counts"] == {"train": 90, "dev": 12, "test": 10, "unlabelled": 0}
    test = write(tmp_path / "other.csv", "text,label\n" + rows(14, start=300))
    shutil.rmtree(tmp_path / "data")
    assert run(tmp_path, train=str(folder), test=test).facts["counts"]["test"] == 14
    shutil.rmtree(tmp_path / "data")
    (folder / "dev.csv").write_text("text,label\n" + rows(12, start=200))
    assert "several files could be dev (dev.csv, valid.csv)" in refused(tmp_path, train=str(folder))


def test_hash_of_the_step_follows_the_files(tmp_path):
    def now():
        return step_hash("prepare", spec, {}, prepare.outside(spec))

    spec = prepare.Spec(train=write(tmp_path / "a.csv", "text,label\n" + rows(50)))
    before = now()
    assert now() == before
    write(tmp_path / "a.csv", "text,label\n" + rows(51))
    assert now() != before


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        ("text,label\n", {}, "films.csv: there is a header line but no row"),
        (
            "text,label\n" + rows(50),
            {"label": "stars"},
            "no column 'stars' for --label; the columns are 'text', 'label'",
        ),
        ("text,note\n" + "".join(f"a{i},b{i}\n" for i in range(50)), {}, "Name the column of the labels with --label"),
        ("text,label\n" + rows(50, ("good",)), {}, "column 'label' holds nothing but 'good'"),
        ("text,label\n" + rows(50, ("",)), {}, "column 'label' has no label in any row"),
        ("text,label\n" + "".join(f"a{i},b{i}\n" for i in range(50)), {}, "50 different values in 50 labelled rows"),
        ("text,score\n" + rows(30, ("3.5",)), {"task": "text_regression"}, "column 'score' holds nothing but '3.5'"),
        ("text,tags\n" + rows(30, ("[]",)), {"task": "multi_label"}, "column 'tags' holds nothing but '[]'"),
        ("text,label\n" + rows(20) + ",good\n", {}, "films.csv:22:1: blank"),
        ("text,label\n" + rows(20), {}, "2 labelled rows for dev, at least 10 are needed; add rows, or give a file"),
        ("text,label\n" + rows(3), {}, "labelled rows for"),
        ("text,label\n" + rows(50), {"task": "token_classification"}, "to learn token_classification from"),
        ("text,label\n" + rows(50), {"encoding": "klingon"}, "--encoding klingon"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path, content, fields, message):
    assert message in refused(tmp_path, content, **fields)


def test_labels_that_train_does_not_have(tmp_path):
    dev = write(tmp_path / "dev.csv", "text,label\n" + rows(20, ("good", "odd")))
    message = refused(tmp_path, "text,label\n" + rows(200), dev=dev)
    assert message.startswith("10 labels of dev that no row of train has")
    assert "dev.csv:3:2: 'odd'" in message


def test_dev_without_the_column(tmp_path):
    dev = write(tmp_path / "dev.csv", "text,class\n" + rows(20))
    assert "dev.csv: no column 'label' for --label" in refused(tmp_path, "text,label\n" + rows(200), dev=dev)


def test_entities_only_of_one_tag(tmp_path):
    assert "column 'tags' holds nothing but 'O'" in refused(tmp_path, "a O\n\n" * 50, "a.conll")


def test_table_that_fits_two_tasks(tmp_path):
    line = {"text": "a film", "label": "x", "tokens": ["a"], "ner_tags": ["O"]}
    assert "choose with --task" in refused(tmp_path, (json.dumps(line) + "\n") * 50, "a.jsonl")


def test_sources_that_there_are_not(tmp_path):
    assert "nothing.csv: no such file or folder (train)" in refused(tmp_path, train=str(tmp_path / "nothing.csv"))
    (tmp_path / "films").mkdir()
    assert "no reader knows this folder" in refused(tmp_path, train=str(tmp_path / "films"))
    message = refused(tmp_path, "text", "films.xlsx")
    assert "no reader knows this file" in message
    assert ".csv" in message
    with pytest.raises(ShelfError, match="no task 'summarising'"):
        run(tmp_path, "text,label\n" + rows(50), task="summarising")


def test_wrong_fields_are_recipe_errors():
    for fields, message in (({}, "prepare.train"), ({"train": "a", "dev_fraction": 0.5}, "prepare.dev_fraction")):
        with pytest.raises(LimbeckError, match=message):
            parse(prepare.Spec, fields, "prepare")
    with pytest.raises(LimbeckError, match="no reader 'xml'"):
        parse(prepare.Spec, {"train": "a", "reader": "xml"}, "prepare")

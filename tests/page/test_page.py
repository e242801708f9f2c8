"""The page, read as a browser reads it."""

import re

import pytest

from limbeck.core.journal import Journal
from limbeck.stages import report
from tests.page.factory import Run
from tests.page.markup import PAYLOADS, Page, read_page

LOG = Journal(quiet=True)


def html_of(run: Run, folder, **fields) -> str:
    bundle = report.run(report.Spec(**fields), run.make(folder), folder / "report", LOG)
    return bundle.file("report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    return html_of(Run(warnings=["2 rows repeat"]), tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def page(html) -> Page:
    return read_page(html)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory) -> str:
    labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    return html_of(Run(labels=labels, texts=["Anna", "saw", "Lima"], name="ner", n=80), tmp_path_factory.mktemp("tags"))


def test_says_the_result_in_a_sentence_and_in_a_table(page):
    text = " ".join(" ".join(page.text).split())
    assert re.search(r"The bundle is \d+ % as large and 7.0 times as fast as the teacher and keeps \d+", text)
    for head in ("parameters", "size", "accuracy", "retention", "p50", "p95", "sentences/s", "speed-up"):
        assert head in text
    assert "2 rows repeat" in text


@pytest.mark.parametrize(
    "title",
    ["accuracy against latency p50", "accuracy against size", "F1 of each class", "Confusion matrix: teacher",
     "Confusion matrix: student", "Confusion matrix: bundle", "ROC", "Calibration", "Training loss: teacher",
     "Training loss: student", "Dev score"],
)  # fmt: skip
def test_draws(page, title):
    drawn = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert drawn.count(title) == 1


def test_needs_no_network_and_runs_no_script(html, page):
    assert page.faults() == []
    policy = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy[0].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "http:" not in html
    assert "https:" not in html


def test_links_and_references_have_one_target_each(html, page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    wanted = [a["href"][1:] for _, a in page.tags if "href" in a]
    wanted += re.findall(r"url\(#([^)]+)\)", html)
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)


def test_tags_show_words_with_their_tags(tagged):
    page = read_page(tagged)
    assert page.faults() == []
    text = " ".join(" ".join(page.text).split())
    assert "entity F1" in text
    assert "By entity type" in text
    assert re.search(r"(Anna|saw|Lima) [OBI]\S* → [OBI]", text)
    assert "ROC curves" not in text


def test_same_bundles_give_the_same_page(html, tmp_path_factory):
    again = html_of(Run(warnings=["2 rows repeat"]), tmp_path_factory.mktemp("again"))
    stable = [re.sub(r"20\d\d-\d\d-\d\dT[\d:]+Z", "", page) for page in (html, again)]
    assert stable[0] == stable[1]


def test_many_classes_stay_readable_and_small(tmp_path):
    run = Run(labels=[f"class {i}" for i in range(100)], n=600, roles=("teacher", "bundle"), epochs=300)
    html = html_of(run, tmp_path)
    page = read_page(html)
    assert "The 20 of 100 labels with most errors." in " ".join(page.text)
    assert len(html) < 2_000_000
    rows = [a for tag, a in page.tags if tag == "th" and a.get("title", "").startswith("class ")]
    assert len(rows) == 20


def test_a_single_model_without_benchmark_is_enough(tmp_path):
    bundles = Run(roles=("student",), epochs=0).make(tmp_path)
    del bundles["benchmark"]
    out = report.run(report.Spec(), bundles, tmp_path / "report", LOG)
    page = read_page(out.file("report.html").read_text(encoding="utf-8"))
    assert page.faults() == []
    assert any("The student reaches accuracy" in piece for piece in page.text)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page whose labels, texts, names, warnings, phases, terms and gates are all payloads."""
    history = [{"phase": p, "epoch": 1, "terms": {p: 1.0, "x": 0.5}, "loss": 1.5} for p in PAYLOADS[:8]]
    gate = {"metric": PAYLOADS[2], "drop": 0.0, "agreement": 1.0, "n": 9}
    run = Run(
        labels=PAYLOADS, texts=PAYLOADS, name=PAYLOADS[4], warnings=PAYLOADS, n=200, draws=100,
        roles=("teacher", "student"), facts={"history": history, "gate": gate},
    )  # fmt: skip
    return read_page(html_of(run, tmp_path_factory.mktemp("hostile"), examples=200, classes=40))


def test_labels_texts_names_and_warnings_are_text(hostile):
    assert hostile.faults() == []


def test_what_the_making_of_models_warned_of_is_shown_once(tmp_path):
    odd = {"student": ["no better than <b>chance</b>"], "bundle": ["no better than <b>chance</b>", "int8 drops"]}
    html = html_of(Run(odd=odd), tmp_path)
    assert html.count('<ul class="warnings">') == 1
    text = " ".join(" ".join(read_page(html).text).split())
    assert text.count("no better than <b>chance</b>") == 1
    assert "student : no better than" in text
    assert "bundle : int8 drops" in text


def test_warnings_of_models_are_text(tmp_path):
    page = read_page(html_of(Run(odd={"student": PAYLOADS}), tmp_path))
    assert page.faults() == []
    assert PAYLOADS[0] in page.text


def test_no_warnings_no_place_for_them(tmp_path):
    assert 'class="warnings"' not in html_of(Run(), tmp_path)


def test_words_and_entity_types_are_text(tmp_path):
    labels = ["O", *(f"{mark}-{p}" for p in PAYLOADS[:12] for mark in "BI")]
    run = Run(labels=labels, texts=PAYLOADS, name=PAYLOADS[0], n=150, roles=("teacher", "student"), epochs=0)
    page = read_page(html_of(run, tmp_path, examples=200))
    assert page.faults() == []
    assert PAYLOADS[0] in page.text


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if p.isprintable()])
def test_payloads_are_shown_as_they_are(hostile, payload):
    assert payload in hostile.text


def test_what_cannot_be_shown_is_replaced(hostile):
    whole = "".join(hostile.text)
    assert "<scr\N{REPLACEMENT CHARACTER}ipt>alert(31)" in whole
    assert not re.search("[\0\x07\ud800]", whole)

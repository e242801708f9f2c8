"""The page of models trained on raw text, read as a browser reads it."""

import re

import pytest

from limbeck.core.journal import Journal
from limbeck.core.measurement import find, read_measurements
from limbeck.stages import report
from tests.page.factory import Run
from tests.page.markup import PAYLOADS, Page, read_page
from tests.page.text_factory import TextRun

LOG = Journal(quiet=True)


def html_of(run: TextRun, folder, *roles: str) -> str:
    inputs = run.make(folder)
    bundle = report.run(report.Spec(), {r: inputs[r] for r in roles or inputs}, folder / "report", LOG)
    return bundle.file("report.html").read_text(encoding="utf-8")


def said(page: Page) -> str:
    return " ".join(" ".join(page.text).split())


def drawn(page: Page) -> list[str]:
    return [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    run = TextRun(warnings=["a.bin: of no known format, left out"], odd=["the loss jumped"])
    return html_of(run, tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def page(html) -> Page:
    return read_page(html)


def test_says_what_came_of_it(page):
    text = said(page)
    assert "On 60 documents that were held out, the student of 17.4 M parameters guesses 31.5 % of the hidden" in text
    assert "The student was trained in 4,000 steps over 1.2 M tokens, 4 times the corpus, in 12.0 min." in text
    assert re.search(r"parameters 22\.7 M 17\.4 M", text)
    assert re.search(r"top 5 – 50\.0", text)
    assert "1 inside 2,000 600,000 0.925 1.018 6.0 min 1,667" in text
    assert "student : the loss jumped" in text


def test_tells_of_the_corpus_and_where_all_came_from(page):
    text = said(page)
    for told in ("1,940; held out besides: 60", "25,000; 3 broken and left out, 1 too long and cut",
                 "30,522 tokens; 0.12 % are unknown to it", "a.bin: of no known format"):  # fmt: skip
        assert told in text
    assert re.search(r"student · made by distil .* from teacher \(import_checkpoint", text)
    assert "out: student from: teacher: teacher corpus: corpus" in text


def test_draws_each_loss_and_the_scores_over_steps(html, page):
    assert drawn(page) == [
        "Loss: student",
        "Loss of soft targets: student",
        "Loss of cosine: student",
        "Scores on documents held out: student",
    ]
    assert html.count(">steps</text>") == 4
    assert html.count(">2 answers</text>") == 4


def test_needs_no_network_runs_no_script_and_points_at_what_is_there(html, page):
    assert page.faults() == []
    assert "http:" not in html
    assert "https:" not in html
    ids = [a["id"] for _, a in page.tags if "id" in a]
    wanted = [a["href"][1:] for _, a in page.tags if "href" in a]
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)


def test_a_loss_of_one_term_is_drawn_once_also_by_itself(tmp_path):
    run = TextRun(phases=["pretrain 1"], terms=["labels"], scores={"replaced_accuracy": 0.9})
    page = read_page(html_of(run, tmp_path, "student"))
    assert drawn(page) == ["Loss: student", "Scores on documents held out: student"]
    assert "is right about 90.0 % of the tokens, replaced or not" in said(page)


def test_what_answers_nothing_is_known_by_its_loss(tmp_path):
    page = read_page(html_of(TextRun(scores={}), tmp_path))
    assert "the student of 17.4 M parameters has a loss of 1.018." in said(page)
    assert "Scores on documents held out: student" not in drawn(page)


def test_records_of_older_code_are_drawn_look_by_look(tmp_path):
    html = html_of(TextRun(counted=False), tmp_path)
    assert html.count(">looks at documents held out</text>") == 4
    assert "The student was trained in 12.0 min." in said(read_page(html))


def test_what_was_not_trained_has_no_curves(tmp_path):
    page = read_page(html_of(TextRun(rounds=0), tmp_path))
    assert drawn(page) == []
    assert page.faults() == []
    assert "the student of 17.4 M parameters was not examined." in said(page)


def test_many_rounds_stay_small(tmp_path):
    assert len(html_of(TextRun(rounds=3000), tmp_path)) < 500_000


def test_a_general_student_is_shown_beside_its_task(tmp_path):
    general = TextRun().make(tmp_path / "general")
    inputs = {"corpus": general["corpus"], "general": general["student"], **Run(n=40).make(tmp_path / "task")}
    made = report.run(report.Spec(examples=3), inputs, tmp_path / "report", LOG)
    page = read_page(made.file("report.html").read_text(encoding="utf-8"))
    assert page.faults() == []
    assert {"Training loss: student", "Dev score", "Loss: general"} <= set(drawn(page))
    assert "General training" in said(page)
    assert find(read_measurements(made.file("measurements.json")), "student", "accuracy", "test")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Page:
    """Names, warnings, phases and terms are payloads."""
    run = TextRun(PAYLOADS[4], PAYLOADS, PAYLOADS, phases=PAYLOADS[:3], terms=PAYLOADS[3:6], rounds=1)
    return read_page(html_of(run, tmp_path_factory.mktemp("hostile")))


def test_names_warnings_phases_and_terms_are_text(hostile):
    assert hostile.faults() == []
    for payload in filter(str.isprintable, PAYLOADS):
        assert payload in hostile.text

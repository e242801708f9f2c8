import re
from html.parser import HTMLParser

import pytest
import yaml

from limbeck.core.journal import Journal
from limbeck.stages import package
from tests.page.factory import Run
from tests.page.markup import PAYLOADS


def card_of(run: Run, folder) -> str:
    bundles = run.make(folder)
    inputs = {"model": bundles["bundle"], "evaluation": bundles["evaluation"], "benchmark": bundles["benchmark"]}
    out = package.run(package.Spec(), inputs, folder / "final", Journal(quiet=True))
    return out.file("README.md").read_text(encoding="utf-8")


def split(card: str) -> tuple[dict, str]:
    _, front, body = re.split(r"^---$", card, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(front), body


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> str:
    return card_of(Run(n=80, epochs=0), tmp_path_factory.mktemp("card"))


def test_metadata_is_what_the_hub_reads(card):
    front, _ = split(card)
    assert front["library_name"] == "onnx"
    assert front["pipeline_tag"] == "text-classification"
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert result["dataset"] == {"name": "reviews", "type": "reviews", "split": "test"}
    accuracy = next(m for m in result["metrics"] if m["type"] == "accuracy")
    assert 0.5 < accuracy["value"] < 1


def test_says_the_same_as_the_report_in_short(card):
    _, body = split(card)
    assert body.strip().startswith("# reviews: text classification, 3 × 384, 17.4 M parameters, int8\n")
    assert "The bundle is 19 % as large and 7.0 times as fast as the teacher" in body
    assert "| bundle | 17.4 M |" in body
    assert "answers with these labels: negative, positive." in body
    assert "Rows: train 6,920, dev 872, test 80." in body
    assert "logits differ by at most 2e-06 over 14 shapes" in body
    assert "accuracy falls by 0.30 points, 99.1 % of the answers are the same" in body
    assert "fine film" not in body


def test_warnings_of_the_model_are_told_as_text(card, tmp_path):
    assert "warned" not in card
    _, body = split(card_of(Run(n=30, epochs=0, odd={"bundle": ["no better than <i>chance</i>"]}), tmp_path))
    assert "Its making warned of this:\n\n- no better than &lt;i&gt;chance&lt;/i&gt;\n\n## Data" in body


def test_tags_are_described_as_entities(tmp_path):
    run = Run(labels=["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], texts=["Anna", "in", "Oslo"], n=30, epochs=0)
    front, body = split(card_of(run, tmp_path))
    assert front["pipeline_tag"] == "token-classification"
    assert "finds entities of these types: LOC, PER." in body


def test_hostile_names_stay_text(tmp_path):
    run = Run(labels=PAYLOADS[:20], name="x\n---\n" + PAYLOADS[0], n=60, epochs=0)
    front, body = split(card_of(run, tmp_path))
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == f"x --- {PAYLOADS[0]}"
    tags = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: tags.append(tag)
    reader.feed(body)
    assert tags == []
    assert not re.search(r"(?<!\\)\]\(javascript", body)

"""The card of a model trained on raw text; that its snippets run is tried where such models are made."""

import json
import re
from html.parser import HTMLParser

import pytest
import yaml

from limbeck.core.bundle import Draft
from limbeck.page.encoder_card import write_encoder_card
from tests.page.markup import PAYLOADS
from tests.page.text_factory import TextRun

PHASE = {"name": "inside", "steps": 10_000, "batch_size": 64, "learning_rate": None, "objectives": [{"kind": "cosine"}]}


def card_of(run, folder, teacher="", config=(), **facts):
    (folder / "config.json").write_text(
        json.dumps({"model_type": "bert", "architectures": ["BertModel"], **dict(config)})
    )
    known = run.make(folder / "run")["student"].facts
    parents = {"corpus": {"stage": "tokenize", "digest": "0123456789abcdef"}}
    origin = {"stage": "distil", "step": {"max_length": 128, "phases": [PHASE] * len(run.phases)}, "parents": parents}
    write_encoder_card(Draft(folder, origin, {**known, "max_length": 128, **facts}), teacher)
    _, front, body = re.split(r"^---$", (folder / "README.md").read_text(), maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(front), body


def test_says_what_it_is_and_on_how_much_text_it_was_trained(tmp_path):
    front, body = card_of(TextRun(odd=["the loss jumped"]), tmp_path, "hf:org/large")
    assert body.startswith("\n\n# films.txt: bert, 3 × 384, 17.4 M parameters\n")
    for told in (
        "On 60 documents that were held out, the model of 17.4 M parameters guesses 31.5 % of the hidden words.",
        "| accuracy | 31.5 |\n| top 5 | 50.0 |\n| loss | 1.018 |\n",
        "distilled by Limbeck from a larger model",
        "- documents: 1,940; held out besides: 60\n",
        "- teacher: hf:org/large\n- phase 1 inside: 10,000 steps of 64 texts of up to 128 tokens, rate 0.0005: cosine",
        "warned of this:\n\n- the loss jumped\n\n## Intended",
        "## Licence\n\nNone is stated yet.",
        "- corpus: made by tokenize, sha256 0123456789ab…",
    ):
        assert told in body
    assert "12.0 min" not in body  # equal trainings have equal cards
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"] == {"name": "films.txt", "type": "films.txt", "split": "dev"}
    assert front["tags"] == ["limbeck", "bert", "distillation"]


@pytest.mark.parametrize(
    ("family", "architecture", "fills"),
    [
        ("bert", "BertForMaskedLM", True),
        ("albert", "AlbertForPreTraining", True),
        ("electra", "ElectraForPreTraining", False),
        ("bert", "BertModel", False),
    ],
)
def test_only_what_answers_for_hidden_words_is_said_to(tmp_path, family, architecture, fills):
    config = {"model_type": family, "architectures": [architecture]}
    front, body = card_of(TextRun(), tmp_path, config=config, pretexts=["masked_lm"])
    assert front["pipeline_tag"] == ("fill-mask" if fills else "feature-extraction")
    assert ('pipeline("fill-mask", ".")' in body) == fills
    assert "trained by Limbeck on raw text" in body
    assert "teacher" not in body.replace("--teacher", "")


def test_of_a_teacher_in_a_directory_the_name_is_told_and_not_the_place(tmp_path):
    _, body = card_of(TextRun(), tmp_path, "home/somebody/models/large")
    assert "- teacher: large\n" in body
    assert "somebody" not in body


def test_without_scores_there_is_no_table(tmp_path):
    front, body = card_of(TextRun(rounds=0), tmp_path)
    assert "model-index" not in front
    assert "| on documents held out" not in body
    assert "phase 1" not in body


def test_hostile_names_stay_text(tmp_path):
    run = TextRun(name="x\n---\n" + PAYLOADS[0], odd=PAYLOADS)
    front, body = card_of(run, tmp_path, PAYLOADS[2], config={"model_type": PAYLOADS[3]}, pretexts=PAYLOADS)
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == f"x --- {PAYLOADS[0]}"
    tags = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: tags.append(tag)
    reader.feed(body)
    assert tags == []
    assert not re.search(r"(?<!\\)\]\(javascript", body)

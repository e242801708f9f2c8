from pathlib import Path

import numpy as np
import pytest

from limbeck.core.errors import DataError
from limbeck.core.table import Table
from limbeck.tasks.token_classification import Spec, build, classes, detect, examples, label_names
from limbeck.text.encode import Encoder
from limbeck.text.port import Example
from tests.makers import tiny_tokenizer

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
WORDS = [["Anna", "visited", "Oslo"], ["Lima"]]
TAGS = [["B-PER", "O", "B-LOC"], ["B-LOC"]]


def table(**columns):
    return Table(Path("a.conll"), columns, range(1, 1 + len(next(iter(columns.values())))))


def answer(text, tags, labels=LABELS, **fields):
    """What the task says of `text` if the model is nearly sure of `tags`."""
    task = build(Spec(**fields), labels)
    [example] = task.parse([text])
    probabilities = np.full((len(example.text), len(labels)), 0.1 / (len(labels) - 1))
    for word, tag in enumerate(tags.split()):
        probabilities[word, labels.index(tag)] = 0.9
    return task.respond(text, example, probabilities)["entities"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"words": WORDS, "column_2": WORDS, "tags": TAGS}, ("words", "tags")),
        ({"id": ["1", "2"], "tokens": WORDS, "ner_tags": TAGS}, ("tokens", "ner_tags")),
        ({"mots": WORDS, "etiquettes": TAGS}, ("mots", "etiquettes")),
        ({"words": WORDS, "tags": [None, None]}, ("words", "tags")),
    ],
)
def test_columns_are_detected(columns, expected):
    assert detect(table(**columns), {}) == Spec(text=expected[0], label=expected[1])


@pytest.mark.parametrize(
    "columns",
    [{"text": ["a", "b"], "label": ["x", "y"]}, {"a": WORDS, "b": WORDS}, {"words": WORDS, "label": ["x", "y"]}],
)
def test_tables_that_do_not_tell(columns):
    assert detect(table(**columns), {}) is None


def test_flags_overrule():
    data = table(words=WORDS, tags=TAGS, fine=TAGS, lemmas=WORDS)
    assert detect(data, {"text": "lemmas", "label": "fine"}) == Spec(text="lemmas", label="fine")
    with pytest.raises(DataError, match="no column 'nothing' for --label"):
        detect(data, {"label": "nothing"})


def test_characters_are_recognised():
    spec = detect(table(words=[list("高勇：男"), list("中国")], tags=[["O"] * 4, ["O"] * 2]), {})
    assert spec is not None
    assert spec.words == "characters"


def test_examples_become_iob2():
    data = table(words=WORDS, tags=[["I-PER", "O", "S-LOC"], None])
    assert examples(data, Spec()) == [Example(WORDS[0], None, TAGS[0]), Example(WORDS[1], None, None)]


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        (None, ["O"], "a.conll:1:1: blank"),
        ([], [], "a.conll:1:1: an empty list"),
        (["a", ""], ["O", "O"], "a.conll:1:1: word 2 is empty"),
        ("a text", ["O"], "a.conll:1:1: a text, not a list"),
        (["a"], ["O", "O"], "a.conll:1:2: 2 tags for 1 words"),
        (["a"], "O", "a.conll:1:2: a text, not a list"),
        (["a"], ["NNP"], "a.conll:1:2: 'NNP' is neither O nor"),
        (["a"], ["3"], "give the names of the tags"),
    ],
)
def test_rows_that_cannot_be_used(words, tags, message):
    with pytest.raises(DataError, match=message):
        examples(table(words=[words], tags=[tags]), Spec())


def test_labels_have_both_tags_of_each_type():
    rows = [Example(["a"], target=["B-PER"]), Example(["a", "b"], target=["O", "B-LOC"]), Example(["a"])]
    assert label_names(rows) == LABELS
    assert [classes(e) for e in rows] == [["PER"], ["LOC"], []]


def test_encode_and_targets():
    task = build(Spec(), LABELS)
    rows = [Example(WORDS[0], target=TAGS[0]), Example(["Oslo"] * 30)]
    encoded = task.encode(rows, Encoder(tiny_tokenizer(), 16))
    assert encoded[0][0].words.tolist() == [0, 1, 2]
    assert len(encoded[1]) > 1
    assert sorted(w for window in encoded[1] for w in window.words) == list(range(30))
    assert task.targets(rows[0]) == [3, 0, 1]
    assert task.targets(rows[1]) == [-1] * 30
    with pytest.raises(DataError, match="tag 'B-ORG': not one of this model's, O, B-LOC"):
        task.targets(Example(["x"], target=["B-ORG"]))


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("Anna visited Oslo.", "B-PER O B-LOC O", [("PER", "Anna"), ("LOC", "Oslo")]),
        ("  Anna\t Lee ", "B-PER I-PER", [("PER", "Anna\t Lee")]),
        ("😀👩‍🚀 Zoë's 🇳🇴 Oslo", "O O B-PER O B-LOC B-LOC", [("PER", "Zoë"), ("LOC", "🇳🇴"), ("LOC", "Oslo")]),
        ("cafe\u0301 Bjo\u0308rk", "O B-PER", [("PER", "Bjo\u0308rk")]),
        ("我爱北京", "O O B-LOC I-LOC", [("LOC", "北京")]),
        ("to Oslo Lima", "O I-LOC I-PER", [("LOC", "Oslo"), ("PER", "Lima")]),
        ("", "", []),
    ],
)
def test_entities_stand_where_they_say(text, tags, expected):
    found = answer(text, tags)
    assert [(e["type"], e["text"]) for e in found] == expected
    assert all(text[e["start"] : e["end"]] == e["text"] for e in found)
    assert all(e["probability"] == pytest.approx(0.9) for e in found)


def test_entities_of_characters():
    text = "他在 IBM 。"
    [entity] = answer(text, "O O B-LOC I-LOC I-LOC O", words="characters")
    assert (entity["text"], text[entity["start"] : entity["end"]]) == ("IBM", "IBM")


def test_entities_of_lists_of_words():
    words = ["to", "São", "Paulo"]
    [entity] = answer(words, "O B-LOC I-LOC")
    assert " ".join(words)[entity["start"] : entity["end"]] == entity["text"] == "São Paulo"


@pytest.mark.parametrize("wrong", [1, None, ["a", 1], {"text": "a"}])
def test_wrong_inputs(wrong):
    with pytest.raises(DataError, match="input 2: a text or a list of words is needed"):
        build(Spec(), LABELS).parse(["a", wrong])

import json
import random

import pytest
import transformers
from tokenizers import Tokenizer

import limbeck
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.journal import Journal
from limbeck.text.wordpiece import SPECIAL
from tests.makers import WORDS, byte_level_tokenizer, tiny_tokenizer, unigram_tokenizer

QUIET = Journal(quiet=True)
TEXTS = ["The visited film!", "Élan, 我爱 Oslo", "[MASK] x"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    draw = random.Random(0)
    path = tmp_path_factory.mktemp("corpus") / "raw.txt"
    words = [*WORDS, "Élan", "élan", "filming", "visits", "我爱北京", "unvisited"]
    path.write_text("\n".join(" ".join(draw.choices(words, k=12)) for _ in range(300)), encoding="utf-8")
    return path


def make(out, **fields):
    return limbeck.tokenizer(out=out, log=fields.pop("log", QUIET), **fields)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [None, True, False])
@pytest.mark.parametrize("handle_chinese_chars", [True, False])
def test_stock_classes_read_it_in_the_same_way(lowercase, strip_accents, handle_chinese_chars, corpus, tmp_path):
    fields = {"lowercase": lowercase, "strip_accents": strip_accents, "handle_chinese_chars": handle_chinese_chars}
    made = make(tmp_path / "t", corpus=str(corpus), size=150, **fields)
    own = Tokenizer.from_file(str(made.file("tokenizer.json")))
    stock = transformers.AutoTokenizer.from_pretrained(made.path)
    for inputs in [*((text,) for text in TEXTS), tuple(TEXTS[:2])]:
        ours, theirs = own.encode(*inputs), stock(*inputs)
        assert (ours.ids, ours.type_ids) == (theirs["input_ids"], theirs["token_type_ids"])
    assert [own.token_to_id(token) for token in SPECIAL.values()] == [0, 1, 2, 3, 4]
    assert (stock.mask_token_id, stock.model_max_length) == (4, 512)
    assert ("élan" in "".join(own.encode("Élan").tokens).replace("##", "")) == (lowercase and strip_accents is False)
    assert "我" in own.get_vocab()
    assert ("##爱" in own.get_vocab()) != handle_chinese_chars


def test_the_same_corpus_gives_the_same_bytes(corpus, tmp_path):
    made = [make(tmp_path / str(n), corpus=str(corpus), size=80) for n in range(4)]
    assert len({bundle.digest for bundle in made}) == 1
    assert made[0].facts["vocabulary"] == 80
    assert len(made[0].file("vocab.txt").read_text(encoding="utf-8").splitlines()) == 80


def test_a_vocabulary_too_small_for_its_alphabet_is_refused(corpus, tmp_path):
    with pytest.raises(RecipeError, match=r"size: 40 tokens are fewer than \d+: the \d+ characters of the alphabet"):
        make(tmp_path / "t", corpus=str(corpus), size=40)
    made = make(tmp_path / "t", corpus=str(corpus), size=40, alphabet=12)
    assert made.facts["vocabulary"] <= 40


def test_a_corpus_too_small_for_the_size_is_warned_of(corpus, tmp_path):
    made = make(tmp_path / "t", corpus=str(corpus), size=5000)
    assert made.facts["vocabulary"] < 5000
    assert "tokens instead of 5000" in made.facts["warnings"][0]


def test_a_vocabulary_is_taken_as_it_is(corpus, tmp_path):
    first = make(tmp_path / "a", corpus=str(corpus), size=120)
    text = make(tmp_path / "b", vocabulary=str(first.file("vocab.txt")))
    whole = make(tmp_path / "c", vocabulary=str(first.file("tokenizer.json")))
    for made in (text, whole):
        own = Tokenizer.from_file(str(made.file("tokenizer.json")))
        assert own.get_vocab() == Tokenizer.from_file(str(first.file("tokenizer.json"))).get_vocab()
        assert own.encode(*TEXTS[:2]).type_ids[-1] == 1
        assert made.file("vocab.txt").read_bytes() == first.file("vocab.txt").read_bytes()


VOCABULARY = [*SPECIAL.values(), "a", "##b"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([t for t in VOCABULARY if t != "[MASK]"], r"no \[MASK\] or <mask> in its 6 tokens"),
        ([t for t in VOCABULARY if t != "[UNK]"], r"no \[UNK\]"),
        ([*VOCABULARY, "a", "a"], "repeated on line 8, 9; a vocabulary has one token a line"),
        ([*VOCABULARY, "", "c"], "blank on line 8"),
        (["\xff"], r"no \[PAD\]"),
        ([], "blank on line 1"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(lines, told, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(BundleError, match=told):
        make(tmp_path / "t", vocabulary=str(tmp_path / "vocab.txt"))


def test_files_that_are_no_vocabulary_are_refused(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xe9\n")
    with pytest.raises(BundleError, match=r"byte 6 is not UTF-8"):
        make(tmp_path / "t", vocabulary=str(tmp_path / "vocab.txt"))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match="no usable tokenizer"):
        make(tmp_path / "t", vocabulary=str(tmp_path / "tokenizer.json"))
    plain = json.loads(tiny_tokenizer().to_str())
    plain["model"]["vocab"]["far"] = 5000
    (tmp_path / "tokenizer.json").write_text(json.dumps(plain))
    with pytest.raises(BundleError, match="ids must have no gaps"):
        make(tmp_path / "t", vocabulary=str(tmp_path / "tokenizer.json"))
    with pytest.raises(BundleError, match="missing"):
        make(tmp_path / "t", vocabulary=str(tmp_path / "none.txt"))


@pytest.mark.parametrize("make_tokenizer", [byte_level_tokenizer, unigram_tokenizer, tiny_tokenizer])
def test_either_naming_of_special_tokens_is_taken_and_a_missing_frame_is_put_in(make_tokenizer, tmp_path):
    given = make_tokenizer()
    given.save(str(tmp_path / "tokenizer.json"))
    bare = json.loads(given.to_str()) | {"post_processor": None}
    (tmp_path / "bare.json").write_text(json.dumps(bare), encoding="utf-8")
    for name in ("tokenizer.json", "bare.json"):
        made = make(tmp_path / name.replace(".", "_"), vocabulary=str(tmp_path / name))
        own = Tokenizer.from_file(str(made.file("tokenizer.json")))
        stock = transformers.AutoTokenizer.from_pretrained(made.path)
        for inputs in [("good film",), ("good film", "a bad")]:
            wanted = given.encode(*inputs).ids
            assert own.encode(*inputs).ids == stock(*inputs)["input_ids"] == wanted
        assert stock.mask_token_id == 4


def test_a_vocabulary_by_the_names_of_roberta_is_taken(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a"]), encoding="utf-8")
    made = make(tmp_path / "t", vocabulary=str(tmp_path / "vocab.txt"))
    own = Tokenizer.from_file(str(made.file("tokenizer.json")))
    assert own.encode("a ж", "a").ids == [0, 5, 3, 2, 2, 5, 2]


@pytest.mark.parametrize("fields", [{}, {"corpus": "a", "vocabulary": "b"}])
def test_it_is_made_of_one_thing(fields, tmp_path):
    with pytest.raises(RecipeError, match="give a corpus to learn from, or --vocabulary"):
        make(tmp_path / "t", **fields)

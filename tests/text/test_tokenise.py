import pickle
import random
import re
import time
from itertools import pairwise

import numpy as np
import pytest
from tokenizers.normalizers import BertNormalizer

from limbeck.text.tokenise import Tokenise
from tests.makers import byte_level_tokenizer, tiny_tokenizer, unigram_tokenizer

HAN = list("我爱北京天安门的人工智能")


@pytest.fixture(scope="module")
def tokenise():
    return Tokenise(tiny_tokenizer(HAN).to_str())


def words(tokenise, *documents):
    """Tokens of documents, a bar before each that begins a word."""
    found = tokenise(documents)
    names = {i: token for token, i in tokenise._tokenizer.get_vocab().items()}
    return ["|" * bool(b) + names[i] for i, b in zip(found.tokens.tolist(), found.begins_word, strict=True)]


def test_english_words_are_those_of_the_tokenizer(tokenise):
    assert words(tokenise, ["The filmed, Anna."]) == ["|the", "|film", "##e", "##d", "|,", "|anna", "|."]


def test_chinese_words_are_those_of_jieba(tokenise):
    assert words(tokenise, ["我爱北京天安门"]) == ["|我", "|爱", "|北", "京", "|天", "安", "门"]
    assert words(tokenise, ["The 人工智能 film"]) == ["|the", "|人", "工", "智", "能", "|film"]
    assert words(tokenise, ["北京のfilm"])[:2] == ["|北", "|京"]  # with kana it is Japanese


UNSPLIT = tiny_tokenizer([*HAN, *(f"##{c}" for c in [*HAN, "，"]), "，"])
UNSPLIT.normalizer = BertNormalizer(lowercase=True, handle_chinese_chars=False)


def test_chinese_words_are_those_of_jieba_where_the_tokenizer_does_not_split_chinese():
    pieces = [*HAN, "北京", "人工", "。", "の"]  # full-width marks are read as ASCII ones
    unigram = Tokenise(unigram_tokenizer(pieces).to_str())
    assert words(unigram, ["我爱北京天安门，人工智能。"]) == [
        *("|▁", "我", "|爱", "|北京", "|天", "安", "门", "|,", "|人工", "智", "能", "|。")
    ]
    assert words(unigram, ["我film北京（good）（a"]) == [
        *("|▁", "我", "|f", "i", "l", "m", "|北京", "|(", "|g", "o", "o", "d", "|)", "|(", "|a")
    ]
    assert words(unigram, ["京の我"]) == ["|▁", "京", "|の", "|我"]  # with kana it is Japanese
    assert words(Tokenise(UNSPLIT.to_str()), ["我爱北京，film"]) == ["|我", "|##爱", "|##北", "##京", "|，", "|film"]
    found = Tokenise(byte_level_tokenizer().to_str())([["我爱北京，a"]])  # of three bytes each
    assert np.flatnonzero(found.begins_word).tolist() == [0, 3, 6, 12, 15]


def test_punctuation_of_text_without_chinese_stays_with_its_word():
    assert words(Tokenise(unigram_tokenizer(["“", "”"]).to_str()), ["“film”"]) == ["|▁", "“", *"film", "”"]


@pytest.mark.parametrize("text", ["good film. The film! Bad?  Anna", "good film.", " the film? It is. "])
@pytest.mark.parametrize("make", [tiny_tokenizer, byte_level_tokenizer, unigram_tokenizer])
def test_sentences_are_read_as_they_stand_in_their_paragraph(make, text):
    tokenise = Tokenise(make().to_str())
    found = tokenise([[text]])
    names = [tokenise._tokenizer.id_to_token(i) for i in found.tokens.tolist()]
    assert names == make().encode(text.strip(), add_special_tokens=False).tokens
    parts = [names[a:b] for a, b in pairwise(found.sentences.tolist())]
    assert len(parts) == len(re.findall("[.!?]", text)) + text.endswith("Anna")
    assert all(part[-1] in {".", "!", "?"} for part in parts[:-1])
    assert make is not byte_level_tokenizer or all(part[0].startswith("Ġ") for part in parts[1:])


def test_chinese_sentences_are_read_as_they_stand_in_their_paragraph():
    tokenise = Tokenise(unigram_tokenizer([*HAN, "。我"]).to_str())
    assert words(tokenise, ["我爱北京天安门"])[:2] == ["|▁", "我"]
    found = tokenise([["人工。爱北京!我爱"]])
    names = [tokenise._tokenizer.id_to_token(i) for i in found.tokens.tolist()]
    assert [names[a:b] for a, b in pairwise(found.sentences.tolist())][-1] == ["我", "爱"]
    found = tokenise([["爱。我爱。北京"]])  # a token that reaches over the border is the first one's
    names = [tokenise._tokenizer.id_to_token(i) for i in found.tokens.tolist()]
    assert [names[a:b] for a, b in pairwise(found.sentences.tolist())][:2] == [["▁", "爱", "。我"], ["爱", names[4]]]


def test_hostile_chinese_takes_no_longer_than_its_length(tokenise):
    start = time.process_time()
    assert tokenise([["京" * 60_000]]).begins_word.any()
    assert time.process_time() - start < 10


def test_names_of_special_tokens_are_plain_text(tokenise):
    assert words(tokenise, ["[MASK]"]) == ["|[", "|m", "##a", "##s", "##k", "|]"]


def test_each_sentence_of_each_document_begins_a_word(tokenise):
    found = tokenise([["Good film. Bad film!", "Anna?"], ["a"]])
    assert found.sentences.tolist() == [0, 3, 6, 8, 9]
    assert found.documents.tolist() == [0, 3, 4]
    assert found.begins_word[found.sentences[:-1]].all()


def test_what_gives_no_token_is_left_out(tokenise):
    found = tokenise([["\u200b"], ["a", "\u200b"], ["\u200b\u200b"]])
    assert (found.sentences.tolist(), found.documents.tolist(), len(found)) == ([0, 1], [0, 1], 1)
    for documents in ([], [["\u200b"]]):
        assert (len(tokenise(documents)), len(tokenise(documents).tokens)) == (0, 0)


def test_a_document_depends_on_itself_alone(tokenise):
    draw = random.Random(0)
    documents = [
        [" ".join(draw.choices(["film.", "good", "我爱北京", "!"], k=9))] * draw.randrange(1, 4) for _ in range(40)
    ]
    whole = tokenise(documents)
    alone = [tokenise([document]) for document in documents]
    assert whole.tokens.tolist() == [i for part in alone for i in part.tokens]
    assert whole.begins_word.tolist() == [i for part in alone for i in part.begins_word]
    assert whole.ranks.tolist() == [part.ranks[0] for part in alone]
    assert len(set(whole.ranks.tolist())) == len({tuple(d) for d in documents})


def test_it_may_be_sent_to_other_processes(tokenise):
    copy = pickle.loads(pickle.dumps(tokenise))
    assert (copy.vocabulary, copy.unknown) == (tokenise.vocabulary, 1)
    assert copy([["good"]]).tokens.tolist() == tokenise([["good"]]).tokens.tolist()


@pytest.mark.parametrize("make", [byte_level_tokenizer, unigram_tokenizer])
def test_other_kinds_of_tokenizer(make):
    tokenise = Tokenise(make().to_str())
    found = tokenise([["good film, bad"]])
    assert found.begins_word.sum() == 4 - (make is unigram_tokenizer)  # to which the comma belongs to the word
    assert found.begins_word[0]


def test_ids_are_stored_in_as_few_bytes_as_the_vocabulary_allows():
    assert Tokenise(tiny_tokenizer().to_str())([["good"]]).tokens.dtype == np.uint16
    large = tiny_tokenizer([f"w{n}" for n in range(66_000)])
    assert Tokenise(large.to_str())([["good"]]).tokens.dtype == np.uint32

"""Characters to token ids: pairs, windows, cuts, and characters that bite."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from limbeck.core.errors import BundleError
from limbeck.text.encode import Encoder
from tests.makers import WORDS, byte_level_tokenizer, plain, tiny_tokenizer, unigram_tokenizer

CLS, SEP = 2, 3


@pytest.fixture(scope="module")
def encoder():
    return Encoder(tiny_tokenizer(), 16)


def ids(*pieces):
    return [tiny_tokenizer().token_to_id(p) for p in pieces]


def test_a_text_stands_between_its_special_tokens(encoder):
    [one] = encoder.texts(["Good film"])
    assert one.ids.tolist() == [CLS, *ids("good", "film"), SEP]
    assert one.type_ids.tolist() == [0] * 4
    assert not one.cut


def test_a_pair_is_told_apart_by_type_ids(encoder):
    [one] = encoder.texts(["good"], ["bad film"])
    assert one.ids.tolist() == [CLS, *ids("good"), SEP, *ids("bad", "film"), SEP]
    assert one.type_ids.tolist() == [0, 0, 0, 1, 1, 1]


def test_pairs_may_be_absent_for_some(encoder):
    both, alone = encoder.texts(["good", "good"], ["bad", None])
    assert len(both) == 5
    assert len(alone) == 3


def test_a_long_pair_is_cut_where_it_is_longer(encoder):
    [one] = encoder.texts(["good " * 40], ["bad film"])
    assert len(one) == 16
    assert one.ids[-3:].tolist() == [*ids("bad", "film"), SEP]
    assert one.cut


@pytest.mark.parametrize(
    ("text", "cut"), [("good " * 14, False), ("good " * 15, True), ("京" * 400, True), ("g" * 400, False)]
)
def test_cut_says_whether_something_was_lost(encoder, text, cut):
    [one] = encoder.texts([text])
    assert one.cut is cut
    assert len(one) <= 16


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "\udfff lone", "\ufeffgood", "e\u0301", "👩‍👩‍👧", "\u202egood"])
def test_odd_characters_are_encoded(encoder, text):
    [one] = encoder.texts([text])
    assert one.ids[0] == CLS
    assert one.ids[-1] == SEP


def test_a_lone_surrogate_is_one_unknown_character(encoder):
    [lone, replaced] = encoder.texts(["good \ud800 film", "good \ufffd film"])
    assert plain(lone) == plain(replaced)


def test_words_that_fit_are_one_window(encoder):
    [[one]] = encoder.words([["Anna", "visited", "Oslo"]])
    assert one.ids.tolist() == [CLS, *ids("anna", "visited", "oslo"), SEP]
    assert (one.firsts.tolist(), one.words.tolist()) == ([1, 2, 3], [0, 1, 2])


@pytest.mark.parametrize("make", [byte_level_tokenizer, unigram_tokenizer])
def test_words_are_those_of_a_text_that_go_after_a_space(make):
    tokenizer = make()
    encoder = Encoder(tokenizer, 16)
    [[one]] = encoder.words([["good", "filmx", "bad"]])
    [text] = encoder.texts([" good filmx bad"])
    assert one.ids.tolist() == text.ids.tolist()
    assert (one.firsts.tolist(), one.words.tolist()) == ([1, 2, 4], [0, 1, 2])


def test_space_before_a_word_may_be_split_off_in_turn():
    tokenizer = byte_level_tokenizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(), tokenizer.pre_tokenizer])
    [[one]] = Encoder(tokenizer, 16).words([["good", "film"]])
    assert one.ids.tolist() == Encoder(tokenizer, 16).texts([" good film"])[0].ids.tolist()


@pytest.mark.parametrize("make", [byte_level_tokenizer, unigram_tokenizer])
def test_a_pair_without_types(make):
    [one] = Encoder(make(), 16).texts(["good"], ["bad film"])
    assert set(one.type_ids) == {0}
    assert Encoder(make(), 16).pad_id == 1


def test_a_word_is_answered_for_by_its_first_piece(encoder):
    [[one]] = encoder.words([["filmx", "bad"]])
    assert one.ids.tolist() == [CLS, *ids("film", "##x", "bad"), SEP]
    assert one.firsts.tolist() == [1, 3]


def test_a_word_of_control_characters_has_no_position(encoder):
    [[one]] = encoder.words([["good", "\x00", "film"]])
    assert one.words.tolist() == [0, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*WORDS, "filmx", "badyy", "!"]), max_size=80))
def test_every_word_is_answered_for_by_exactly_one_window(words):
    encoder = Encoder(tiny_tokenizer(), 16)
    [windows] = encoder.words([words])
    answered = [w for window in windows for w in window.words]
    assert sorted(answered) == list(range(len(words)))
    for window in windows:
        assert len(window) <= 16
        for position, word in zip(window.firsts, window.words, strict=True):
            assert words[word].startswith(tiny_tokenizer().id_to_token(window.ids[position]))


def test_a_word_is_answered_for_where_it_has_most_context(encoder):
    [windows] = encoder.words([["good"] * 40])
    for before, after in itertools.pairwise(windows):
        assert before.words[-1] + 1 == after.words[0]
        assert after.firsts[0] > 1  # not at the window's very edge
        assert before.firsts[-1] < len(before) - 2


def test_the_pad_id_is_the_tokenizers_own(encoder):
    assert encoder.pad_id == tiny_tokenizer().token_to_id("[PAD]")


def test_a_max_length_without_room_is_refused():
    with pytest.raises(ValueError, match="at least 8"):
        Encoder(tiny_tokenizer(), 7)


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_an_unusable_tokenizer_file_is_named(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BundleError, match=r"tokenizer\.json: no usable tokenizer"):
        Encoder.read(path, 16)


def test_a_saved_tokenizer_encodes_the_same(tmp_path, encoder):
    tiny_tokenizer().save(str(tmp_path / "tokenizer.json"))
    again = Encoder.read(tmp_path / "tokenizer.json", 16)
    [one], [other] = (made.texts(["the film is bad"]) for made in (again, encoder))
    assert plain(one) == plain(other)

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.text.sentences import cut_at_spaces, split_sentences


def sentences(text):
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["It cost 3.50 dollars.", "He paid at once!", "Why?", "Nobody knows."],
        ["Mr. Smith, Dr. J. R. Jones and Gen. Lee met on Jan. 5 in St. Louis.", "They talked."],
        ["He works for Acme Inc. and likes it.", "She left Acme Inc. The rest stayed."][:1],
        ["The U.S. Navy came.", "It was in the U.S.", "The rest stayed."],
        ["See fig. 3 and pp. 5-7, e.g. The Times, vs. Python 3.11.", "Or No. 7."],
        ['"Is it?" he asked.', '"Yes!"', "He left."],
        ["Well... that is it.", "So...", "Next one."],
        ["1. Introduction to it.", "It is 2020.", "Time goes by."],
        ["(He was there.)", "[So was she.]", "“Quoted.”", "End."],
        ["Use file.txt or example.com today.", "Good."],
    ],
)
def test_english(parts):
    assert sentences(" ".join(parts)) == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["the film was good.", "it cost 3.50 dollars!", "was it (so) good?", "3 men left.", "“yes.”", "no."],
        ["mr. smith and dr. j. jones of acme inc. left the u.s. navy, e.g. the fleet.", "they talked."],
        ["he wrote file.txt, see fig. 3 etc. and no. 7.", "nobody reads it."],
        ["我们用gpt.", "it is good。", "好"],
    ],
)
def test_text_without_capitals(parts):
    text = parts[0]
    for part in parts[1:]:
        text += part if text[-1] in "。" else f" {part}"
    assert sentences(text) == parts


def test_one_capital_tells_that_lower_case_goes_on():
    assert sentences("so it is? he asked. yes.") == ["so it is?", "he asked.", "yes."]
    assert sentences("So it is? he asked. yes.") == ["So it is? he asked. yes."]


@pytest.mark.parametrize(
    "parts",
    [
        ["我爱北京。", "你呢？", "真的！！", "好。"],
        ["他说：“走吧。”", "我们走了。"],
        ["他问：“走吗？”，然后走了。", "（完。）", "『好！』", "完"],
        ["版本是3.5，用GPT-4。", "It works!", "很好!", "是吗?", "是。", "Yes."],
        ["天黑了……", "他走了…", "完。"],
    ],
)
def test_chinese_and_mixed(parts):
    text = parts[0]
    for before, after in pairwise(parts):
        text += after if before[-1] > "\u2e80" or after[0] > "\u2e80" else f" {after}"
    assert sentences(text) == parts


TEXT = st.text(st.sampled_from("aBz Mr.U.S!?…。！？”\"'）) \t3京他\u3000,，-"), max_size=80)


@given(TEXT | st.text(max_size=40), st.integers(1, 50))
def test_sentences_are_the_text_but_for_white_space(text, longest):
    found = [text[start:end] for start, end in split_sentences(text, longest)]
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() and len(sentence) <= longest for sentence in found)


@given(TEXT, st.integers(1, 30))
def test_pieces_make_up_the_text(text, longest):
    assert "".join(cut_at_spaces(text, longest)) == text


@pytest.mark.parametrize("text", ["." * 500_000, "a. " * 200_000, "a" * 500_000, "。" * 500_000, "\"'" * 250_000])
def test_hostile_text_takes_no_longer_than_its_length(text):
    start = time.process_time()
    for _ in split_sentences(text):
        pass
    assert time.process_time() - start < 5

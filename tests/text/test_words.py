import itertools

import pytest

from limbeck.text.words import joined_spans, split_characters, split_words


def words(text):
    return [text[a:b] for a, b in split_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", ["Hello", ",", "world", "!"]),
        ("(John O'Brien-Smith)", ["(", "John", "O'Brien-Smith", ")"]),
        ("Germany's team's", ["Germany", "'s", "team", "'s"]),
        ("Germany’s", ["Germany", "’s"]),
        ("don't isn't's", ["don't", "isn't", "'s"]),
        ("the U.S. and U.S.A. of a.b", ["the", "U.S.", "and", "U.S.A.", "of", "a.b"]),
        ("Mr. Smith. Etc...", ["Mr", ".", "Smith", ".", "Etc", "..."]),
        ("3,000.50 a,b 1996-08-22", ["3,000.50", "a", ",", "b", "1996-08-22"]),
        ("me@example.org http://x.y/z", ["me@example.org", "http", ":", "/", "/", "x.y/z"]),
        ("AT&T a/b 10:30", ["AT&T", "a/b", "10:30"]),
        ("$5 + 3€", ["$", "5", "+", "3", "€"]),
        ("snake_case #tag", ["snake_case", "#", "tag"]),
        ("a -- b", ["a", "--", "b"]),
        ("我在IBM工作。", ["我", "在", "IBM", "工", "作", "。"]),
        ("서울에 갔다", ["서울에", "갔다"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("cafe\u0301 x\u0308y", ["cafe\u0301", "x\u0308y"]),
        ("か\u3099", ["か\u3099"]),
        ("😀😀ok👍🏽", ["😀", "😀", "ok", "👍🏽"]),
        ("👩‍👩‍👧❤️🇳🇴🇸🇪1️⃣", ["👩‍👩‍👧", "❤️", "🇳🇴", "🇸🇪", "1️⃣"]),
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f!",
            ["🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "!"],
        ),
        ("a\u3000b\xa0c", ["a", "b", "c"]),
        ("\ud83d x", ["\ud83d", "x"]),
        ("", []),
        (" \n", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_no_character_is_lost_or_doubled():
    text = "".join(map(chr, [*range(1, 0x3100), *range(0x1F000, 0x1FB00), *range(0xE0000, 0xE0080)]))
    for split in (split_words, split_characters):
        spans = split(text)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        covered = "".join(text[a:b] for a, b in spans)
        assert covered == "".join(text.split())


def test_characters():
    text = "张三 在IBM👩‍🚀e\u0301。"
    assert [text[a:b] for a, b in split_characters(text)] == [*"张三在IBM", "👩‍🚀", "e\u0301", "。"]


def test_spans_of_joined_words():
    given = ["to", "👩‍🚀", "東京"]
    assert [" ".join(given)[a:b] for a, b in joined_spans(given)] == given


def test_a_long_word_costs_little():
    assert len(split_words("a" * 300_000 + "." * 300_000 + "a.b." * 50_000)) < 10

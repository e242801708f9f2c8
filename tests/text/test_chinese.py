"""Chinese words."""

import subprocess
import sys

import pytest

from limbeck.core.errors import ShelfError
from limbeck.text import chinese
from limbeck.text.chinese import join_chinese
from limbeck.text.words import joined_spans, split_words


def words(text):
    return [text[a:b] for a, b in join_chinese(text, split_words(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我来到北京清华大学", ["我", "来到", "北京", "清华大学"]),
        ("我在IBM工作。", ["我", "在", "IBM", "工作", "。"]),
        ("北京 大学", ["北京", "大学"]),
        ("good film, isn't it?", ["good", "film", ",", "isn't", "it", "?"]),
        ("東京タワーへ", ["東", "京", "タ", "ワ", "ー", "へ"]),
        ("👩‍🚀北京", ["👩‍🚀", "北京"]),
        ("서울에", ["서울에"]),
        ("", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_words_of_a_list_are_joined_only_where_they_touch():
    listed = ["北", "京", "IBM", "大", "学"]
    assert join_chinese("".join(listed), joined_spans(listed, "")) == [(0, 2), (2, 5), (5, 7)]
    assert join_chinese(" ".join(listed), joined_spans(listed)) == joined_spans(listed)


def test_jieba_is_silent_and_leaves_nothing_behind(tmp_path):
    code = "from limbeck.text.chinese import join_chinese; print(join_chinese('北京', [(0, 1), (1, 2)]))"
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == ("[(0, 2)]\n", "")
    assert list(tmp_path.iterdir()) == []


def test_jieba_is_asked_for_only_where_it_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    chinese._jieba.cache_clear()
    assert words("good film 京") == ["good", "film", "京"]
    with pytest.raises(ShelfError, match=r"Chinese.*'jieba'.*pip install 'limbeck\[train\]'"):
        words("北京")

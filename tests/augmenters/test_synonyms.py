"""A user's synonyms."""

from random import Random

import pytest

from limbeck.augmenters.synonyms import Spec, build, outside, read_pairs
from limbeck.core.errors import DataError
from limbeck.text.sentence import Sentence
from limbeck.text.words import split_words


def variants(file, text, draws=100, **fields):
    whole = Sentence(text, tuple(split_words(text)))
    draw, random = build(Spec(file=str(file), probability=1.0, **fields), None).plan(whole), Random(0)
    return {whole.rewritten(draw(random)) for _ in range(draws)}


def test_case_is_not_compared_and_capitals_are_kept(tmp_path):
    (tmp_path / "s.tsv").write_text("film\tmovie\nFilm\tfeature film\n\nnot\thardly\n")
    assert variants(tmp_path / "s.tsv", "FILM, not Film") == {
        f"{a}, hardly {b}" for a in ("MOVIE", "FEATURE FILM") for b in ("Movie", "Feature film")
    }


def test_byte_order_mark_spaces_and_line_ends_do_not_matter(tmp_path):
    (tmp_path / "s.tsv").write_bytes("\ufeff film \t movie\r\n\r\n".encode())
    assert variants(tmp_path / "s.tsv", "a film") == {"a movie"}


def test_encoding(tmp_path):
    (tmp_path / "s.tsv").write_bytes("très\tbien élevé\n".encode("latin-1"))
    assert variants(tmp_path / "s.tsv", "très", encoding="latin-1") == {"bien élevé"}
    with pytest.raises(DataError, match=r"s\.tsv:1: byte 2 .* with augmenter\.encoding"):
        variants(tmp_path / "s.tsv", "très")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("film movie", "1 cells between TABs, 2 expected"),
        ("film\tmovie\tpicture", "3 cells between TABs, 2 expected"),
        ("film\t ", "the synonym is blank"),
        ("\tmovie", "the word is blank"),
        ("new york\tbig apple", "'new york' is more than one word"),
        ("film\tFilm", "'film' is given as its own synonym"),
    ],
)
def test_bad_lines_are_named(line, reason):
    with pytest.raises(DataError) as error:
        read_pairs(f"good\tfine\n\n{line}\n", "s.tsv")
    assert f"s.tsv:3: {reason}" in str(error.value)
    assert "1 lines of synonyms" in str(error.value)


def test_missing_empty_or_wrong_files_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no such file of synonyms"):
        outside(Spec(file=str(tmp_path)))
    (tmp_path / "s.tsv").write_text("\n")
    with pytest.raises(DataError, match="the file is empty"):
        variants(tmp_path / "s.tsv", "a film")

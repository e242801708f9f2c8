import pytest

from limbeck.core.errors import DataError
from limbeck.readers import conll
from tests.readers.files import write

IOB1 = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC

Peter NNP I-NP I-PER
Ann NNP B-NP B-PER
"""


def read(tmp_path, content, **fields):
    return conll.build(conll.Spec(**fields)).read(write(tmp_path / "a.conll", content))


def test_iob1_of_conll2003(tmp_path):
    table = read(tmp_path, IOB1)
    assert list(table.columns) == ["words", "column_2", "column_3", "tags"]
    assert table.columns["words"] == [["EU", "rejects", "German"], ["Peter", "Ann"]]
    assert table.columns["tags"] == [["B-ORG", "O", "B-MISC"], ["B-PER", "B-PER"]]
    assert list(table.lines) == [3, 7]
    assert table.read_as == "CoNLL, 4 columns, IOB1 tags read as IOB2"


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-A I-A O B-A B-A", "IOB2"),
        ("B-A E-A O S-A S-A", "BIOES"),
        ("B-A L-A O U-A U-A", "BIOES"),
        ("B-A M-A O S-A S-A", "BIOES"),
    ],
)
def test_schemes(tmp_path, tags, scheme):
    table = read(tmp_path, "".join(f"w\t{tag}\n" for tag in tags.split()))
    assert table.columns["tags"] == [["B-A", "I-A", "O", "B-A", "B-A"]]
    assert scheme in table.read_as


def test_tags_that_break_the_scheme_are_counted_or_refused(tmp_path):
    content = "a B-X\nb I-X\n\nc I-Y\nd B-Z\ne I-Z\n"
    table = read(tmp_path, content)
    assert table.columns["tags"][1] == ["B-Y", "B-Z", "I-Z"]
    assert "(1 break the scheme and are read as conlleval reads them)" in table.read_as
    with pytest.raises(
        DataError, match=r"1 sentences with tags that IOB2 does not allow[^\n]*\n.*a.conll:4: I-Y B-Z I-Z"
    ):
        read(tmp_path, content, scheme="iob2")


def test_columns_by_number_and_by_name(tmp_path):
    assert read(tmp_path, IOB1, tag=3).columns["tags"][0] == ["B-NP", "B-VP", "B-NP"]
    assert read(tmp_path, IOB1, tag="-2").columns["tags"] == read(tmp_path, IOB1, tag="column_3").columns["tags"]
    named = "# global.columns = ID FORM NER\n1\tOslo\tB-LOC\n"
    table = read(tmp_path, named, word="FORM", tag="NER")
    assert table.columns == {"ID": [["1"]], "words": [["Oslo"]], "tags": [["B-LOC"]]}


@pytest.mark.parametrize("column", [0, 5, "FORM", -5])
def test_column_that_there_is_not(tmp_path, column):
    with pytest.raises(DataError, match="there are 4: column_1, column_2"):
        read(tmp_path, IOB1, word=column)


def test_words_and_tags_in_one_column(tmp_path):
    with pytest.raises(DataError, match="both"):
        read(tmp_path, IOB1, word=4)


def test_comments_and_hash_words(tmp_path):
    table = read(tmp_path, "# text = we # it\nwe O\n# O\n\n# id 7 a\n# O\nit O\n")
    assert table.columns["words"] == [["we", "#"], ["#", "it"]]


def test_odd_spaces_are_words(tmp_path):
    table = read(tmp_path, "\u3000 O\n\xa0 O\n高  B-NAME\r\n")
    assert table.columns["words"] == [["\u3000", "\xa0", "高"]]
    assert read(tmp_path, " \tO\nx\tO\n").columns["words"] == [[" ", "x"]]


def test_words_without_tags(tmp_path):
    table = read(tmp_path, "Oslo\nis\n\nhere\n")
    assert table.columns == {"words": [["Oslo", "is"], ["here"]], "tags": [None, None]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a O\nb\nc O\n", "a.conll:2: 1 columns, 2 expected"),
        ("a O\n\nb NNP\n", "a.conll:3:2: 'NNP'"),
        ("-DOCSTART- O\n\n", "no word"),
        ("\n\n", "empty"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_claims_text_files_by_their_tags(tmp_path):
    assert conll.claims(write(tmp_path / "a.txt", IOB1))
    assert conll.claims(write(tmp_path / "train", "高 B-NAME\n勇 E-NAME\n" * 20_000))
    assert not conll.claims(write(tmp_path / "b.txt", "a fine film\nO no\n"))
    assert not conll.claims(write(tmp_path / "c.csv", IOB1))

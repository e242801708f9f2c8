import pytest

from limbeck.core.errors import DataError
from limbeck.readers import jsonl
from tests.readers.files import write


def read(tmp_path, content, **fields):
    return jsonl.build(jsonl.Spec(**fields)).read(write(tmp_path / "a.jsonl", content))


def test_values_become_text(tmp_path):
    table = read(
        tmp_path,
        '{"text": "NA", "label": 1, "sure": true, "tags": ["O", 2, null], "meta": {"a": [1]}, "x": 1.0}\r\n'
        '\n{"text": null, "label": -12345678901234567890}\n',
    )
    assert table.columns == {
        "text": ["NA", None],
        "label": ["1", "-12345678901234567890"],
        "sure": ["true", None],
        "tags": [["O", "2", ""], None],
        "meta": ['{"a": ["1"]}', None],
        "x": ["1.0", None],
    }
    assert list(table.lines) == [1, 3]


def test_separators_inside_texts_do_not_end_lines(tmp_path):
    assert read(tmp_path, '{"text": "a\u2028b\x85c"}\n').columns["text"] == ["a\u2028b\x85c"]


def test_lone_surrogate_and_huge_line_are_kept(tmp_path):
    table = read(tmp_path, '{"text": "\\ud83d"}\n{"text": "' + "x" * 1_000_000 + '"}')
    assert table.columns["text"][0] == "\ud83d"
    assert len(table.columns["text"][1]) == 1_000_000


def test_bad_lines_are_listed(tmp_path):
    with pytest.raises(DataError) as error:
        read(tmp_path, '{"a": 1}\n{"a": 1, "a": 2}\n{"a": }\n"x"\n{"a": NaN}\n' + "[" * 100_000)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("5 lines")
    assert [line.partition("a.jsonl:")[2][:5] for line in lines[1:]] == ["2:1: ", "3:7: ", "4:1: ", "5:1: ", "6:1: "]
    assert "'a' stands twice" in lines[1]


def test_json_array_gets_the_command_that_converts_it(tmp_path):
    with pytest.raises(DataError, match=r"jq -c '\.\[\]' a.jsonl"):
        read(tmp_path, '[\n{"text": "a"}\n]')

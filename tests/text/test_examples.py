"""Splits on disk: what is written is what is read, whatever its characters."""

import pytest

from limbeck.core.bundle import create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.spec import Spec
from limbeck.text.examples import read_examples, write_examples
from limbeck.text.port import Example

ODD = ["NA", "null", "None", "", "a\nb\r\nc\u2028d", "\ud800", "\x00", "😀 京", '"quoted"', "=1+1"]


def data_bundle(path, examples):
    with create_bundle(path, "prepare", Spec(), {}) as draft:
        write_examples(draft.path / "train.jsonl", examples)
    return open_bundle(path)


@pytest.mark.parametrize(
    "examples",
    [
        [Example(text, target="yes") for text in ODD],
        [Example("a", pair, "no") for pair in ODD],
        [Example(["Anna", "in", "京"], target=["B-PER", "O", "B-LOC"])],
        [],
    ],
)
def test_what_is_written_is_read(tmp_path, examples):
    assert read_examples(data_bundle(tmp_path / "data", examples), "train") == examples


def test_one_line_an_example(tmp_path):
    data = data_bundle(tmp_path / "data", [Example(text) for text in ODD])
    assert data.file("train.jsonl").read_bytes().count(b"\n") == len(ODD)


def test_rows_without_a_label_can_be_left_out(tmp_path):
    data = data_bundle(tmp_path / "data", [Example("a", target="yes"), Example("b"), Example("c", target="")])
    assert [e.text for e in read_examples(data, "train", labelled=True)] == ["a", "c"]
    assert len(read_examples(data, "train")) == 3


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"no dev\.jsonl; it has train\.jsonl"):
        read_examples(data_bundle(tmp_path / "data", []), "dev")


def test_duplicates_have_equal_keys():
    assert Example(["a", "b"], target=["O", "O"]).key() == Example(("a", "b")).key()
    assert Example("a", "b", "yes").key() == Example("a", "b", "no").key()
    assert Example("a", "b").key() != Example("b", "a").key()

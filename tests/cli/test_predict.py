"""`limbeck predict`: texts from everywhere, answers for people and programs, without a training library."""

import json
import subprocess
import sys

import pytest

from limbeck.cli import predict as verb
from limbeck.runtime import load
from tests.makers import onnx_bundle


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    return onnx_bundle(tmp_path_factory.mktemp("s") / "bundle", "text_classification", ("no", "yes")).path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("p") / "bundle"
    return onnx_bundle(path, "text_classification", ("no", "yes"), task_fields={"pair": "second"}).path


@pytest.fixture(scope="module")
def tags(tmp_path_factory):
    return onnx_bundle(tmp_path_factory.mktemp("t") / "bundle", "token_classification", ("O", "B-X", "I-X")).path


def test_several_labels_stand_in_one_line_or_none_does(cli, tmp_path):
    bundle = onnx_bundle(tmp_path / "bundle", "multi_label", ("a", "b", "c")).path
    texts = ["good film", "is", "in"]
    found = [load(bundle).predict([text])[0] for text in texts]
    assert [len(answer["labels"]) for answer in found] == [3, 2, 3]
    lines = cli("predict", bundle, *texts).stdout.splitlines()
    for answer, text, line in zip(found, texts, lines, strict=True):
        names, sure, asked = line.split("\t")
        assert asked == text
        assert names == "|".join(answer["labels"])
        assert sure == "|".join(f"{answer['probabilities'][name]:.4f}" for name in answer["labels"])
    plain = sys.modules["limbeck.cli.predict"]._plain
    assert plain("x", {"labels": [], "probabilities": {"a": 0.1}}) == "-\t-\tx\n"


def test_a_value_stands_before_its_pair(cli, tmp_path):
    bundle = onnx_bundle(tmp_path / "bundle", "text_regression", ("value",), task_fields={"pair": "b"}).path
    [answer] = load(bundle).predict([("good", "bad")])
    assert cli("predict", bundle, "good", "--pair", "bad").stdout == f"{answer['value']:.6g}\tgood | bad\n"
    assert answers(cli("predict", bundle, "good\tbad", "--json")) == [{"text": "good", "pair": "bad", **answer}]


def answers(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def test_json_holds_the_text_and_the_answer(cli, sentences):
    [one, two] = answers(cli("predict", sentences, "good film", "😀 [red]京", "--json"))
    assert one == {"text": "good film", **load(sentences).predict(["good film"])[0]}
    assert two["text"] == "😀 [red]京"


def test_plain_is_label_probability_text(cli, sentences):
    [answer] = load(sentences).predict(["good film"])
    result = cli("predict", sentences, "good film")
    assert result.stdout == f"{answer['label']}\t{answer['probability']:.4f}\tgood film\n"


def test_a_text_stays_on_its_line(cli, sentences):
    result = cli("predict", sentences, "two\nlines\t\x1b[31m")
    assert result.stdout.endswith("\ttwo\\nlines\\t\\x1b[31m\n")


def test_entities_are_a_line_each_and_a_blank_line_after_each_text(cli, tags):
    text = "京 Anna visited Oslo"
    [answer] = load(tags).predict([text])
    lines = cli("predict", tags, text, "a").stdout.split("\n")
    rows = [line.split("\t") for line in lines[: lines.index("")]]
    assert [(kind, where, entity) for kind, _, where, entity in rows] == [
        (e["type"], f"{e['start']}:{e['end']}", e["text"]) for e in answer["entities"]
    ]
    assert rows


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_is_one_text_a_line(cli, sentences, tmp_path, line_end):
    texts = ["good", "", "NA", "a\u2028b", "京"]
    path = tmp_path / "texts"
    path.write_bytes(("\ufeff" + line_end.join(texts) + line_end).encode())
    assert [a["text"] for a in answers(cli("predict", sentences, "--file", path, "--json"))] == texts


@pytest.mark.parametrize("arguments", [[], ["-"], ["--file", "-"]])
def test_standard_input_is_read(cli, sentences, arguments):
    result = cli("predict", sentences, *arguments, "--json", input="good\nbad film\n")
    assert [a["text"] for a in answers(result)] == ["good", "bad film"]


def test_a_long_file_is_answered_in_chunks(cli, sentences, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["limbeck.cli.predict"], "_CHUNK_LINES", 4)
    path = tmp_path / "texts"
    path.write_text("".join(f"film {i}\n" for i in range(11)))
    assert [a["text"] for a in answers(cli("predict", sentences, "--file", path, "--json"))] == [
        f"film {i}" for i in range(11)
    ]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["good film", "--pair", "bad film"], {}),
        (["good film\tbad film"], {}),
        (["-"], {"input": "good film\tbad film\n"}),
        (["-", "--pair", "bad film"], {"input": "good film\n"}),
    ],
)
def test_a_pair_can_be_given_in_any_way(cli, pairs, arguments, options):
    [answer] = answers(cli("predict", pairs, *arguments, "--json", **options))
    assert answer == {"text": "good film", "pair": "bad film", **load(pairs).predict([("good film", "bad film")])[0]}


def test_a_pair_is_shown_on_one_line(cli, pairs):
    assert cli("predict", pairs, "good\tbad").stdout.endswith("\tgood | bad\n")


@pytest.mark.parametrize(
    ("bundle", "arguments", "content", "message"),
    [
        ("sentences", ["good", "--pair", "bad"], b"", "--pair: this Bundle reads single texts"),
        ("sentences", ["good", "--file", "FILE"], b"", "either texts or --file"),
        ("sentences", ["--file", "FILE.gone"], b"", "FILE.gone: cannot be read (No such file or directory)"),
        ("sentences", ["--file", "FILE"], b"good\ncaf\xe9\n", "FILE:2: not UTF-8 at byte 3 of the line"),
        ("pairs", ["good"], b"", "text 1: this Bundle reads pairs"),
        ("pairs", ["--file", "FILE"], b"a\tb\na\tb\tc\n", "FILE:2: this Bundle reads pairs"),
    ],
)
def test_wrong_inputs_are_refused_with_their_place(cli, request, tmp_path, bundle, arguments, content, message):
    file = tmp_path / "in.txt"
    file.write_bytes(content)
    arguments = [a.replace("FILE", str(file)) for a in arguments]
    result = cli("predict", request.getfixturevalue(bundle), *arguments)
    assert result.exit_code == 2
    assert message.replace("FILE", str(file)) in result.stderr


def test_a_file_without_a_text_is_refused(cli, sentences, tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    result = cli("predict", sentences, "--file", tmp_path / "empty.csv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{tmp_path / 'empty.csv'}: no text in it; give one text a line" in result.stderr
    assert "standard input: no text in it" in cli("predict", sentences, "-", input="").stderr
    assert cli("predict", sentences, "-", input="\n").exit_code == 0


def test_no_text_on_a_terminal_says_what_to_give(sentences, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(verb.DataError, match="no text: give TEXT"):
        verb.predict(sentences, None)


def test_it_works_where_no_training_library_is_installed(sentences):
    code = """if True:
        import sys
        blocked = {"torch", "transformers", "sklearn", "scipy", "onnx"}
        sys.modules.update(dict.fromkeys(blocked))
        from limbeck.cli import main
        try:
            main()
        finally:
            names = {name.partition(".")[0] for name, module in sys.modules.items() if module}
            sys.stderr.write(str(sorted(names & blocked)))
    """
    command = [sys.executable, "-c", code, "predict", sentences, "good film"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stdout.split("\t")[0] in ("no", "yes")
    assert result.stderr == "[]"

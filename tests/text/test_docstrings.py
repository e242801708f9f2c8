import csv
import importlib.util
import sys
import warnings
from collections import Counter
from importlib.machinery import ModuleSpec

import pytest

from limbeck.core.errors import DataError, ShelfError
from limbeck.text import docstrings as module
from limbeck.text.docstrings import LIBRARIES, docstrings, mask, sentences, write_demo

PROSE = "Compute the {} of all elements along the axis that was given, {} after {}."
WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "rho",
    "sigma",
    "tau",
    "phi",
    "chi",
]


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Eight small libraries in place of the real ones: 40 files each, of two docstrings with two sentences."""
    for package in LIBRARIES.values():
        for number in range(40):
            name = f"{package[::-1]}{WORDS[number % 20]}{WORDS[number // 20]}"
            lines = [PROSE.format(name, word, other) for word, other in zip(WORDS[::5], WORDS[1::5], strict=True)]
            source = f'"""{lines[0]} {lines[1]}"""\ndef f():\n    """{lines[2]} {lines[3]}"""\n    raise SystemExit\n'
            path = tmp_path / "site" / package / "sub" / f"m{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)

    def find_spec(name):
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path / "site" / name)]
        return spec

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    return tmp_path / "site"


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def test_splits_are_balanced_and_share_nothing(libraries, tmp_path):
    paths = write_demo(tmp_path / "data", rows=640)
    assert [p.name for p in paths] == ["train.csv", "dev.csv", "test.csv"]
    splits = [read(p) for p in paths]
    assert [len(s) for s in splits] == [512, 64, 64]
    for split in splits:
        assert set(Counter(label for _, label in split).values()) == {len(split) // 8}
    texts = [text for split in splits for text, _ in split]
    assert len(set(texts)) == len(texts)


def test_a_docstring_is_never_split_over_two_files(libraries, tmp_path):
    home = {}
    for path in write_demo(tmp_path / "data", rows=640):
        for text, _ in read(path):
            place = (text.split()[2], text.split()[-3] in (WORDS[0], WORDS[5]))  # which file, which of its docstrings
            assert home.setdefault(place, path.name) == path.name


def test_the_seed_decides_and_nothing_else(libraries, tmp_path):
    one, again, other = (write_demo(tmp_path / d, rows=160, seed=s) for d, s in (("a", 0), ("b", 0), ("c", 1)))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in again]
    assert all(p.read_bytes() != q.read_bytes() for p, q in zip(one, other, strict=True))


def test_a_sentence_of_two_libraries_is_in_neither(libraries, tmp_path):
    shared = '"""The same words stand in the docstrings of two libraries at once."""\n'
    for package in ("numpy", "scipy"):
        for path in (libraries / package).rglob("*.py"):
            path.write_text(shared + path.read_text())
    rows = [text for p in write_demo(tmp_path / "data", rows=160) for text, _ in read(p)]
    assert not any("same words" in text for text in rows)


def test_a_missing_library_is_named(libraries, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ShelfError, match=r"needs 'networkx', which is not installed.*limbeck\[train\]"):
        write_demo(tmp_path)


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="40 rows are too few for 8 classes"):
        write_demo(tmp_path, rows=40)


def test_more_rows_than_there_are_is_refused(libraries, tmp_path):
    with pytest.raises(DataError, match=r"networkx is \d+ sentences short of 2500; lower --rows"):
        write_demo(tmp_path, rows=20_000)


def test_the_real_libraries_are_read_and_never_imported(tmp_path):
    before = set(sys.modules)
    train, dev, test = (read(p) for p in write_demo(tmp_path, rows=400))
    assert [len(train), len(dev), len(test)] == [320, 40, 40]
    assert {name.split(".")[0] for name in set(sys.modules) - before}.isdisjoint(LIBRARIES.values())
    for text, label in [*train, *dev, *test]:
        assert label in LIBRARIES
        assert module._MIN_WORDS <= len(text.split()) <= module._MAX_WORDS
        assert not any(
            name in text.lower() for name in (*LIBRARIES, *LIBRARIES.values(), "http:", "https:", ">>>", "`")
        )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Use NumPy, not `scipy.sparse.csr_matrix`.", "Use library, not library."),
        ("A PyTorch tensor of `torch.float32`.", "A library tensor of library."),
        ("See :class:`~torch.optim.Adam` and np.dot.", "See library and library."),
        ("Read the `user guide <https://pandas.pydata.org>`_ first.", "Read the user guide first."),
        ("Read the [guide](https://huggingface.co/docs) first.", "Read the guide first."),
        ("From numpy/scipy arrays and pandas.", "From library arrays and library."),
        ("Import numpy as np, an alias.", "Import library as library, an alias."),
        ("The problem is NP-hard.", "The problem is NP-hard."),
        ("**Bold** ``code`` and $x$.", "Bold code and x."),
        ("Transformers of sklearn_tags and NetworkXError.", "library of library and library."),
    ],
)
def test_names_are_masked_and_markup_is_gone(text, masked):
    assert mask(text) == masked


def test_prose_alone_is_taken():
    docstring = """Return the shortest path between two given nodes of a graph.

    Indented text belongs to a list or to a piece of code and is left out here.

Parameters
----------
G : graph
    The graph that is searched for a path between all of its many nodes.

Notes
-----
The algorithm is the one by Dijkstra, e.g. with a heap and positive weights. It is too short.

>>> the_example_is_no_sentence_and_has_quite_a_few_words_in_it.

* A list item is not a sentence of prose even when it looks like one.

See https://example.org for a description of everything that is left out here.

References
----------
Dijkstra wrote a note on two problems in connexion with graphs in this year.
"""
    assert list(sentences(docstring)) == [
        "Return the shortest path between two given nodes of a graph.",
        "The algorithm is the one by Dijkstra, e.g. with a heap and positive weights.",
    ]


def test_public_docstrings_are_found_in_order():
    source = (
        '"""one"""\nclass A:\n  """two"""\n  def f(self):\n    """three"""\n'
        '  def _g(self):\n    """no"""\nasync def h():\n  """four"""\n'
    )
    assert list(docstrings(source)) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("source", ["def f(:", "\0", "x = '\\d'\n"])
def test_sources_that_python_dislikes_end_in_silence(source):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "".join(docstrings(source)) == ""

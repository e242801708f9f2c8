import json
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
from tokenizers import Tokenizer

import limbeck
from limbeck.core.errors import BundleError, DataError, LimbeckError
from limbeck.core.journal import Journal
from limbeck.engine.shards import working_directory
from limbeck.stages import tokenize
from limbeck.text.token_store import open_store
from tests.makers import WORDS, tiny_tokenizer
from tests.models import ROOT

QUIET = Journal(quiet=True)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(tokenize, "_CHUNK_CHARACTERS", 4000)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny_tokenizer(list("我爱北京天安门")).save(str(folder / "tokenizer.json"))
    return str(folder)


def write_corpus(path, documents=300, seed=0):
    draw = random.Random(seed)
    words = [*WORDS, "我爱北京", "天安门。", "good.", "Bad!", "filming"]
    texts = [
        "\n".join(" ".join(draw.choices(words, k=draw.randrange(3, 30))) for _ in range(draw.randrange(1, 4)))
        for _ in range(documents)
    ]
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "raw.txt")


def make(corpus, tokenizer, out, **fields):
    fields = {"shard_tokens": 2000, "dev_tokens": 500, "workers": 1, "log": QUIET, **fields}
    return limbeck.tokenize(corpus=str(corpus), tokenizer=tokenizer, out=out, **fields)


@pytest.fixture(scope="module")
def whole(corpus, tokenizer, tmp_path_factory):
    """The store of the corpus, made in one go."""
    patch = pytest.MonkeyPatch()
    patch.setattr(tokenize, "_CHUNK_CHARACTERS", 4000)
    made = make(corpus, tokenizer, tmp_path_factory.mktemp("whole") / "store")
    patch.undo()
    return made


def hashes(bundle):
    return {name: entry["sha256"] for name, entry in bundle.manifest["files"].items()}


def test_the_store_holds_every_sentence_once(whole, corpus, tokenizer):
    import re

    wanted = tiny_tokenizer(list("我爱北京天安门"))
    paragraphs = [line for line in corpus.read_text(encoding="utf-8").split("\n") if line]
    total = sum(len(wanted.encode(p, add_special_tokens=False)) for p in paragraphs)
    train, dev = (open_store(whole, split) for split in ("train", "dev"))
    facts = whole.facts
    assert train.tokens + dev.tokens == total
    assert (train.tokens, len(train), facts["dev_tokens"]) == (facts["tokens"], facts["documents"], dev.tokens)
    assert facts["documents"] + facts["dev_documents"] == 300
    assert facts["shards"] == len(list((whole.path / "train").glob("*.tokens"))) > 3
    assert 0 < dev.tokens <= 0.05 * total
    assert facts["lines"] == len(re.findall("\n", corpus.read_text(encoding="utf-8")))
    assert np.load(whole.path / "counts.npy").tolist() == train.counts().tolist()
    assert whole.verify().stage == "tokenize"
    assert not working_directory(whole.path).exists()


def test_any_number_of_processes_gives_the_same_bytes(whole, corpus, tokenizer, tmp_path):
    assert hashes(make(corpus, tokenizer, tmp_path / "store", workers=2)) == hashes(whole)


SCRIPT = """
import os, signal, sys
from limbeck.engine import shards
from limbeck.stages import tokenize
import limbeck

tokenize._CHUNK_CHARACTERS = 4000
saved = []
write = shards.write_shard

def killed(*arguments):
    saved.append(write(*arguments))
    if len(saved) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return saved[-1]

shards.write_shard = killed
if __name__ == "__main__":
    limbeck.tokenize(corpus=sys.argv[1], tokenizer=sys.argv[2], out=sys.argv[3], shard_tokens=2000, dev_tokens=500,
        workers=1)
"""


@pytest.mark.slow
def test_what_was_killed_goes_on_and_gives_the_same_bytes(whole, corpus, tokenizer, tmp_path):
    out = tmp_path / "store"
    command = [sys.executable, "-c", SCRIPT, str(corpus), tokenizer, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for place in ("2", "2"):
        ended = subprocess.run([*command, place], capture_output=True, env=environment, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len([p for p in working_directory(out).iterdir() if p.is_dir() and not p.name.startswith(".")]) == 2
    assert hashes(make(corpus, tokenizer, out)) == hashes(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]


def stopped(corpus, tokenizer, out, monkeypatch):
    """Leave all shards of a store, but not the store."""
    with monkeypatch.context() as patch:
        patch.setattr(tokenize, "_lay_out", lambda *_: (_ for _ in ()).throw(LimbeckError("stopped")))
        with pytest.raises(LimbeckError, match="stopped"):
            make(corpus, tokenizer, out)
    return sorted(working_directory(out).glob("0*"))


@pytest.mark.parametrize("name", ["tokens", "words", "held_out.npz", "shard.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_shard_alone_is_made_again(name, damage, whole, corpus, tokenizer, tmp_path, monkeypatch, capsys):
    shards = stopped(corpus, tokenizer, tmp_path / "store", monkeypatch)
    file = next(f for f in shards[1].iterdir() if f.name.endswith(name))
    data = bytearray(file.read_bytes())
    if damage == "delete":
        file.unlink()
    else:
        data[len(data) // 2] ^= 4
        file.write_bytes(data if damage == "flip" else data[:-1])
    made, save = [], tokenize.Shards.save
    monkeypatch.setattr(
        tokenize.Shards, "save", lambda self, *given: made.append(given[0].shards) or save(self, *given)
    )
    assert hashes(make(corpus, tokenizer, tmp_path / "store", log=Journal())) == hashes(whole)
    assert made == [2]
    assert f"{shards[1].name}: " in capsys.readouterr().err


def test_shards_of_another_corpus_are_no_use(corpus, tokenizer, tmp_path, monkeypatch):
    out = tmp_path / "store"
    shards = stopped(corpus, tokenizer, out, monkeypatch)
    other = make(write_corpus(tmp_path / "other.txt", 40, seed=1), tokenizer, out)
    assert other.facts["documents"] + other.facts["dev_documents"] == 40
    assert not any(path.exists() for path in shards)


def test_a_full_stop_ends_each_sentence_in_the_store(whole):
    store = open_store(whole, "train")
    first = store.document_starts[:50]
    begins, counts = store.sentences_in(first, store.document_starts[1:51])
    assert counts.sum() == len(begins)
    assert set(first.tolist()) <= set(begins.tolist())
    assert store.gather(begins, np.ones(len(begins), np.int64))[1].all()


def test_a_bundle_of_a_tokenizer_is_an_input(corpus, tmp_path):
    made = limbeck.tokenizer(corpus=str(corpus), size=120, out=tmp_path / "tokenizer", log=QUIET)
    store = make(corpus, made, tmp_path / "store")
    assert store.manifest["parents"]["tokenizer"]["digest"] == made.digest
    assert store.file("vocab.txt").read_bytes() == made.file("vocab.txt").read_bytes()
    assert store.facts["vocabulary"] == made.facts["vocabulary"]
    with pytest.raises(BundleError, match="this tokenizer Bundle holds no tokens of train"):
        open_store(made, "train")


@pytest.mark.parametrize(
    ("most", "told"), [(500, "10 tokens that dev_fraction = 0.05"), (9, "9 tokens that dev_tokens = 9")]
)
def test_one_document_holds_nothing_out_and_says_so(most, told, tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text("good film\n" * 100)
    store = make(tmp_path / "a.txt", tokenizer, tmp_path / "store", dev_tokens=most)
    assert (store.facts["dev_documents"], len(open_store(store, "dev"))) == (0, 0)
    assert f"nothing is held out: each of the 1 documents has more than the {told} allows" in store.facts["warnings"][0]


def test_a_part_of_an_endless_line_is_held_out(tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text(" ".join(random.Random(0).choices(WORDS, k=60_000)))
    store = make(tmp_path / "a.txt", tokenizer, tmp_path / "store", dev_tokens=100_000, dev_fraction=0.5)
    assert store.facts["dev_documents"] >= 1
    assert 0 < store.facts["dev_tokens"] <= 30_000


def test_what_is_odd_is_counted_and_told(tokenizer, tmp_path):
    lines = ["good film", "é" * 50, "very " * 400] * 200
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_bytes("\n\n".join(lines).encode() + b"\n\xff\n")
    (tmp_path / "raw" / "notes.md").write_text("never")
    store = make(tmp_path / "raw", tokenizer, tmp_path / "store", max_line_chars=1000)
    facts = store.facts
    assert (facts["broken_lines"], facts["cut_lines"]) == (1, 200)
    told = "\n".join(facts["warnings"])
    assert "notes.md: of no known format, left out" in told
    assert "lines are longer than 1000 characters" in told
    assert "1 of 1201 lines are broken" in told or "1 of 1200 lines are broken" in told


def test_a_tokenizer_that_knows_little_is_warned_of(tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text("ñandú film\n\n" * 50, encoding="utf-8")
    (tmp_path / "b.txt").write_text("ж film\n\n" * 50, encoding="utf-8")
    store = make(tmp_path, tokenizer, tmp_path / "store", dev_tokens=0)
    assert 0.1 < store.facts["unknown_fraction"] < 0.4
    assert "are unknown to this tokenizer" in store.facts["warnings"][0]


def test_errors_leave_no_bundle_and_no_litter(tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text("\u200b\n")
    for corpus, told in (
        (tmp_path / "a.txt", "its 1 documents give no token"),
        (tmp_path / "none", "no such file or folder"),
    ):
        with pytest.raises(DataError, match=told):
            make(corpus, tokenizer, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    (tmp_path / "bare").mkdir()
    with pytest.raises(BundleError, match=r"no tokenizer.json; make one of a vocabulary"):
        make(tmp_path / "a.txt", str(tmp_path / "bare"), tmp_path / "store")


def test_a_tokenizer_that_puts_nothing_around_texts_is_refused(corpus, tokenizer, tmp_path):
    bare = json.loads(tiny_tokenizer().to_str()) | {"post_processor": None}
    (tmp_path / "bare").mkdir()
    file = tmp_path / "bare" / "tokenizer.json"
    file.write_text(json.dumps(bare), encoding="utf-8")
    with pytest.raises(BundleError, match=r"puts no special tokens .* limbeck tokenizer --vocabulary .*tokenizer.json"):
        make(corpus, str(file.parent), tmp_path / "store")
    limbeck.tokenizer(vocabulary=str(file), out=tmp_path / "framed", log=QUIET)
    assert make(corpus, str(tmp_path / "framed"), tmp_path / "store").facts["tokens"]


def test_a_store_is_taken_whatever_its_tokenizer_cuts_or_fills_up(whole, tokenizer, tmp_path):
    (tmp_path / "same").mkdir()
    same = Tokenizer.from_file(f"{tokenizer}/tokenizer.json")
    same.enable_truncation(16)
    same.enable_padding(length=16)
    same.save(str(tmp_path / "same" / "tokenizer.json"))
    taken = make(whole.path, str(tmp_path / "same"), tmp_path / "store")
    assert taken.facts["tokens"] == whole.facts["tokens"]


def test_ray_that_is_not_installed_is_named(corpus, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LimbeckError, match=r"pip install 'limbeck\[train,ray\]'"):
        make(corpus, tokenizer, tmp_path / "store", engine="ray")

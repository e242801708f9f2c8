import json
import os
import shutil
import time

import pytest

from limbeck.core.bundle import (
    FORMAT,
    MANIFEST,
    create_bundle,
    instruction_sets,
    is_bundle,
    library_versions,
    open_bundle,
    processor_name,
    step_hash,
)
from limbeck.core.errors import BundleError
from limbeck.core.spec import Spec


class Fields(Spec):
    rate: float = 0.5


def make(path, content=b"weights", facts=None, parents=None, fields=None):
    with create_bundle(path, "finetune", fields or Fields(), parents or {}) as draft:
        (draft.path / "model.bin").write_bytes(content)
        (draft.path / "tokenizer").mkdir()
        (draft.path / "tokenizer" / "vocab.txt").write_text("a\nb\n")
        draft.facts.update(facts or {})
    return open_bundle(path)


def test_a_bundle_tells_what_it_is(tmp_path):
    parent = make(tmp_path / "parent")
    bundle = make(tmp_path / "child", facts={"labels": ["no", "yes"]}, parents={"teacher": parent})
    assert bundle.stage == "finetune"
    assert bundle.labels == ("no", "yes")
    assert bundle.files() == ("model.bin", "tokenizer/vocab.txt")
    assert bundle.file("tokenizer/vocab.txt").read_text() == "a\nb\n"
    assert bundle.manifest["parents"] == {"teacher": {"stage": "finetune", "digest": parent.digest, "name": "parent"}}
    assert bundle.manifest["step"] == {"rate": 0.5}
    assert bundle.manifest["step_hash"] == step_hash("finetune", Fields(), {"teacher": parent}, {})
    assert bundle.verify() is bundle


def test_nothing_exists_before_the_end_nor_after_a_failure(tmp_path):
    def interrupted():
        with create_bundle(tmp_path / "out", "finetune", Fields(), {}) as draft:
            (draft.path / "f").touch()
            assert not (tmp_path / "out").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_replaced_by_one_of_the_same_name(tmp_path):
    make(tmp_path / "out", b"old")
    assert make(tmp_path / "out", b"new").verify().file("model.bin").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_is_no_bundle_is_not_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")  # an empty directory is free
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(BundleError, match=r"mine: exists and is no Bundle.*choose another --out"):
        make(tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def truncate(path):
    (path / "model.bin").write_bytes(b"weigh")


def flip(path):
    (path / "model.bin").write_bytes(b"weighus")


def delete(path):
    (path / "model.bin").unlink()


def add(path):
    (path / "evil.py").touch()


def link(path):
    (path / "model.bin").unlink()
    (path.parent / "elsewhere").write_bytes(b"weights")
    (path / "model.bin").symlink_to(path.parent / "elsewhere")


def escape(path):
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["files"]["../secret"] = {"sha256": "0", "size_bytes": 0}
    (path / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (truncate, "model.bin: 5 bytes, 7 expected"),
        (flip, "model.bin: sha256 differs from the manifest"),
        (delete, "model.bin: missing"),
        (add, "evil.py: not in the manifest"),
        (link, "model.bin: not a plain file but a link; put what it leads to in its place"),
        (escape, "../secret: not a plain file name inside the Bundle"),
    ],
)
def test_every_damage_is_found_and_named(tmp_path, damage, fault):
    make(tmp_path / "out")
    damage(tmp_path / "out")
    bundle = open_bundle(tmp_path / "out")
    found = [*bundle.faults(), *(f"{name}: not in the manifest" for name in bundle.strangers())]
    assert [text for text in found if not text.startswith(MANIFEST)] == [fault]

    with pytest.raises(BundleError, match="damaged Bundle"):
        bundle.verify()


def test_a_manifest_that_was_changed_is_found(tmp_path):
    path = make(tmp_path / "out").path / MANIFEST
    assert open_bundle(path.parent).faults() == []
    path.write_text(path.read_text().replace('"stage": "finetune"', '"stage": "finetunf"'))
    assert open_bundle(path.parent).faults() == ["bundle.json: sha256 differs from its own"]


def test_all_faults_are_told_at_once(tmp_path):
    bundle = make(tmp_path / "out")
    delete(bundle.path)
    add(bundle.path)
    assert (len(bundle.faults()), len(bundle.strangers())) == (1, 1)


def test_a_missing_file_is_named_with_those_that_are_there(tmp_path):
    with pytest.raises(BundleError, match=r"no model\.onnx; it has model\.bin, tokenizer/vocab\.txt"):
        make(tmp_path / "out").file("model.onnx")


def test_a_bundle_without_labels_is_no_model(tmp_path):
    with pytest.raises(BundleError, match="has no labels; it is not a model"):
        _ = make(tmp_path / "out").labels


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("[]", "not a Bundle manifest"),
        ("{}", "not a Bundle manifest"),
        ('{"format": 1, "files": []}', "not a Bundle manifest"),
        ('{"format": 99, "files": {}}', "Bundle format 99, this limbeck reads 1; upgrade"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, manifest, message):
    (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(BundleError, match=message):
        open_bundle(tmp_path)


def test_a_manifest_without_one_of_its_parts_is_refused(tmp_path):
    whole = dict(make(tmp_path / "out").manifest)
    for part in ("stage", "created", "facts", "parents", "versions", "machine", "files"):
        broken = {k: v for k, v in whole.items() if k != part}
        (tmp_path / "out" / MANIFEST).write_text(json.dumps(broken))
        with pytest.raises(BundleError, match="not a Bundle manifest"):
            open_bundle(tmp_path / "out")


@pytest.mark.parametrize("size", [-1, 10**400, 1.5])
def test_a_manifest_of_files_of_no_possible_size_is_refused(tmp_path, size):
    whole = json.loads((make(tmp_path / "out").path / MANIFEST).read_text())
    whole["files"]["model.bin"]["size_bytes"] = size
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(whole))
    with pytest.raises(BundleError, match="not a Bundle manifest"):
        open_bundle(tmp_path / "out")


def test_what_is_there_instead_of_a_bundle_is_said(tmp_path):
    with pytest.raises(BundleError, match="no such directory"):
        open_bundle(tmp_path / "gone")
    with pytest.raises(BundleError, match=r"not a Bundle, there is no bundle\.json"):
        open_bundle(tmp_path)
    assert not is_bundle(tmp_path)


def test_the_digest_depends_on_contents_alone(tmp_path, monkeypatch):
    one = make(tmp_path / "one", facts={"n": 1})
    monkeypatch.setattr(time, "gmtime", lambda: time.localtime(0))
    two = make(tmp_path / "two", facts={"n": 2})
    assert one.manifest["created"] != two.manifest["created"]
    assert one.digest == two.digest
    assert make(tmp_path / "three", b"other").digest != one.digest
    shutil.copytree(one.path, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "model.bin", (0, 0))
    assert open_bundle(tmp_path / "copy").verify().digest == one.digest


def test_the_step_hash_changes_with_everything_that_the_result_depends_on(tmp_path):
    one, other = make(tmp_path / "one"), make(tmp_path / "other", b"other")
    hashes = [
        step_hash("distil", Fields(), {"teacher": one}, {}),
        step_hash("finetune", Fields(), {"teacher": one}, {}),
        step_hash("distil", Fields(rate=0.25), {"teacher": one}, {}),
        step_hash("distil", Fields(), {"teacher": other}, {}),
        step_hash("distil", Fields(), {"data": one}, {}),
        step_hash("distil", Fields(), {}, {}),
        step_hash("distil", Fields(), {"teacher": one}, {"rows.csv": "ab"}),
        step_hash("distil", Fields(), {"teacher": one}, {"rows.csv": "cd"}),
    ]
    assert len(set(hashes)) == len(hashes)
    shutil.copytree(one.path, tmp_path / "moved")
    assert step_hash("distil", Fields(), {"teacher": open_bundle(tmp_path / "moved")}, {}) == hashes[0]


def test_the_machine_is_described(tmp_path):
    manifest = make(tmp_path / "out").manifest
    assert manifest["format"] == FORMAT
    assert set(manifest["versions"]) >= {"python", "numpy", "tokenizers"}
    assert manifest["versions"] == library_versions()
    assert manifest["machine"]["processor"] == processor_name()
    assert set(instruction_sets()) <= {
        *("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm", "sve")
    }

import json

import pyarrow
import pytest

from limbeck.core.errors import DataError
from limbeck.readers import datasets_folder

FEATURES = {"text": {"_type": "Value"}, "label": {"_type": "ClassLabel", "names": ["neg", "pos"]}}


def save(folder, *shards):
    """What `Dataset.save_to_disk` writes."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05}-of-{len(shards):05}.arrow" for i in range(len(shards))]
    for name, columns in zip(names, shards, strict=True):
        table = pyarrow.table(columns)
        with pyarrow.OSFile(str(folder / name), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def read(path):
    return datasets_folder.build(datasets_folder.Spec()).read(path)


def test_shards_and_class_names(tmp_path):
    table = read(save(tmp_path / "d", {"text": ["a", "b"], "label": [1, 0]}, {"text": ["c"], "label": [-1]}))
    assert table.columns == {"text": ["a", "b", "c"], "label": ["pos", "neg", None]}


def test_splits_of_a_dataset_dict(tmp_path):
    for name in ("train", "validation", "unsupervised"):
        save(tmp_path / name, {"text": [name], "label": [0]})
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "validation", "unsupervised"]}')
    assert datasets_folder.claims(tmp_path)
    assert datasets_folder.splits(tmp_path) == {"train": tmp_path / "train", "dev": tmp_path / "validation"}
    assert datasets_folder.splits(tmp_path / "train") == {}
    with pytest.raises(DataError, match="holds several splits"):
        read(tmp_path)


def test_dataset_dict_without_train(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["test"]}')
    with pytest.raises(DataError, match="no split to train on; there are test"):
        datasets_folder.splits(tmp_path)


def test_damage_is_named(tmp_path):
    folder = save(tmp_path / "d", {"text": ["a"], "label": [1]})
    (folder / "data-00000-of-00001.arrow").write_bytes(b"nothing")
    with pytest.raises(DataError, match="a data file cannot be read"):
        read(folder)
    (folder / "state.json").write_text('{"_data_files": [3]}')
    with pytest.raises(DataError, match="does not list the data files"):
        read(folder)
    (folder / "state.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        read(folder)


def test_files_outside_the_folder_are_not_read(tmp_path):
    save(tmp_path / "secret", {"text": ["s"], "label": [1]})
    folder = save(tmp_path / "d", {"text": ["a"], "label": [1]})
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../secret/data-00000-of-00001.arrow"}]}')
    assert read(folder).columns["text"] == ["a"]

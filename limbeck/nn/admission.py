"""What a model's directory may hold before any library is given it: no code, no links, no pickles, no absurd sizes.

`transformers` reads more of a directory than its weights: an `auto_map` names code, an adapter another model, an index
other files, a quantisation another library. None of it is needed for an encoder; each is refused by its name.
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbeck.core.errors import BundleError
from limbeck.core.files import read_json
from limbeck.core.intake import check_entry, is_inside
from limbeck.core.shelf import shelf

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_PICKLES = ("pytorch_model.bin", "pytorch_model.pt", "model.pt", "model.pth")
_CODE = ("auto_map", "custom_pipelines", "custom_generate")
"""Keys that name Python files to be run."""
_ELSEWHERE = {
    "adapter_config.json": "an adapter, which names another model to be loaded; merge it into its model and save that",
}
_MOST_LAYERS = 1000
_LARGEST = 2**31 - 1
_REPEATED = (
    *("num_hidden_layers", "n_layers", "num_hidden_groups", "inner_group_num"),
    *("num_attention_heads", "n_heads", "num_feedforward_networks"),
)
"""Sizes that say how often something is made, whatever the weights hold."""


def check_folder(folder: Path) -> None:
    """Refuse a directory in which anything but plain files lies where a library would look.

    Sub-directories and hidden files are never read. The links by which the Hub's own cache is made are followed.

    Raises:
        BundleError: An entry is a link, a pipe, a device, too large, or stands for another model.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or _of_the_hub(path):
            continue
        if path.is_symlink() or not path.is_dir():
            check_entry(path)
        if meaning := _ELSEWHERE.get(path.name):
            raise BundleError(f"{path}: {meaning}")


def _of_the_hub(path: Path) -> bool:
    """Whether an entry is a link of the Hub's cache: `snapshots/REVISION/name` → `blobs/HASH`."""
    snapshots = path.parent.parent
    if snapshots.name != "snapshots" or not path.is_symlink():
        return False
    target = path.resolve()
    return target.parent == snapshots.parent.resolve() / "blobs" and stat.S_ISREG(target.lstat().st_mode)


def read_plain_config(folder: Path) -> Mapping[str, Any]:
    """The configuration of a directory, checked before `transformers` sees it.

    Raises:
        BundleError: There is none, or what it asks for is refused.
    """
    if not (folder / "config.json").is_file():
        raise BundleError(f"{folder}: no config.json; this is no Hugging Face model directory")
    raw = _read_object(folder / "config.json")
    family = str(raw.get("model_type", "")).replace("-", "_")
    if family not in shelf("backbones").names():
        raise BundleError(
            f"{folder}: model_type {raw.get('model_type')!r} is no known backbone; there are "
            f"{', '.join(shelf('backbones').names())}"
        )
    if "quantization_config" in raw:
        raise BundleError(
            f"{folder}: config.json asks for quantised weights (quantization_config); give the model before that"
        )
    for name in _REPEATED:
        _check_number(folder, name, raw.get(name), _MOST_LAYERS)
    for name, value in raw.items():
        _check_number(folder, name, value, _LARGEST)
        if name.endswith("attn_implementation") and isinstance(value, str) and "/" in value:
            raise BundleError(f"{folder}: config.json asks for code of its own ({name}: {value!r}); such are refused")
    return raw


def _check_number(folder: Path, name: str, value: Any, limit: int) -> None:
    if isinstance(value, int | float) and not abs(value) <= limit:  # which a NaN is not either
        raise BundleError(f"{folder}: config.json: {name} is {value!r:.30}, at most {limit} is allowed")


def check_tokenizer_config(folder: Path) -> None:
    """Refuse a tokenizer that would bring code.

    Raises:
        BundleError: Its configuration names code, or is no JSON object.
    """
    if (folder / "tokenizer_config.json").exists():
        _read_object(folder / "tokenizer_config.json")


def _read_object(path: Path) -> Mapping[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise BundleError(f"{path}: a JSON object is expected (found {type(value).__name__})")
    if asked := next((name for name in _CODE if name in value), None):
        raise BundleError(
            f"{path}: asks for code of its own ({asked}); such models are refused. If the family is a stock one, "
            f"take {asked} out of the file"
        )
    return value


def weight_files(folder: Path) -> list[Path]:
    """The safetensors that a directory's weights are read from.

    Raises:
        BundleError: There are none, or the index names something else.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        parts = _read_object(folder / INDEX).get("weight_map")
        names = set(parts.values()) if isinstance(parts, dict) and all(map(_is_text, parts.values())) else {""}
        for name in sorted(names):
            if not is_inside(name) or "/" in name or not name.endswith(".safetensors"):
                raise BundleError(f"{folder / INDEX}: names {name!r}, which is no safetensors file of this directory")
            if not (folder / name).is_file():
                raise BundleError(f"{folder}: {name} is missing, which {INDEX} names; fetch the model again")
        return [folder / name for name in sorted(names)]
    if pickles := [name for name in _PICKLES if (folder / name).exists()]:
        raise BundleError(
            f"{folder}: only {pickles[0]}, a pickle, which can run code when opened; it is refused. "
            f"Convert it: limbeck import {folder / pickles[0]} --config {folder} --out DIR"
        )
    if (folder / "model.onnx").exists():
        raise BundleError(f"{folder}: holds model.onnx, which cannot be trained; give the directory it was made from")
    raise BundleError(f"{folder}: no {WEIGHTS}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)

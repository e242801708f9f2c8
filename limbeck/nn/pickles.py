"""Old PyTorch checkpoints: tensors out of pickles without running what is in them, under the names of a stock network.

Source: `torch.load(weights_only=True)`, PyTorch 2.6's default, whose unpickler makes tensors and plain values alone.
"""

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from limbeck.core.errors import BundleError
from limbeck.core.intake import check_entry

_NESTS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights")
"""Keys under which training scripts keep the weights, beside epochs and optimisers."""
_SHELLS = re.compile(r"^(?:module\.|model\.|_orig_mod\.|net\.|network\.)+")
"""What DataParallel, torch.compile and training scripts put before every name."""
_OLD_NAMES = ((re.compile(r"\.gamma$"), ".weight"), (re.compile(r"\.beta$"), ".bias"))
"""LayerNorm's parameters in checkpoints converted from TensorFlow."""
_COMPUTED = re.compile(r"(^|\.)(position_ids|token_type_ids)$")
"""Buffers that are computed, not learnt."""
_SHOWN = 6


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The weights in an old checkpoint, on the CPU, by their names without shells.

    Args:
        path: What `torch.save` wrote of a state dict, or of a dict that holds one; or a safetensors file.

    Raises:
        BundleError: It cannot be read, holds more than tensors and plain values, or no weights.
    """
    check_entry(path)
    found = _unwrapped(_load(path))
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise BundleError(f"{path}: no state dict in it, but {some(map(str, found))}; save model.state_dict() alone")
    held = path.stat().st_size
    if (claimed := sum(t.numel() for t in tensors.values())) > 2 * held:
        raise BundleError(f"{path}: {held:,} bytes cannot hold the {claimed:,} numbers that it claims; save it anew")
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if (short := plain_name(name)) in plain:
            raise BundleError(
                f"{path}: {some([short])} stands in it more than once; save the state_dict() of one model"
            )
        plain[short] = tensor
    return plain


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise BundleError(f"{path}: cannot be read ({_line(error)})") from None
    _refuse_bombs(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of what the unpickler might not know, which it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        what = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise BundleError(
            f"{path}: holds more than tensors ({what[1] if what else 'an object'}), which could run code when opened; "
            "it is refused. Where it was made, save the weights alone: torch.save(model.state_dict(), 'weights.pth')"
        ) from None
    except Exception as error:  # a damaged file fails anywhere
        raise BundleError(f"{path}: no checkpoint of PyTorch, or a damaged one ({type(error).__name__})") from None


def _refuse_bombs(path: Path) -> None:
    """PyTorch stores its archives as they are; a packed one could unfold to any size."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: a damaged archive ({_line(error)})") from None
    if size > path.stat().st_size:
        raise BundleError(f"{path}: unfolds to {size:,} bytes, which torch.save never makes; save it anew")


def _unwrapped(found: Any) -> Mapping[Any, Any]:
    """What lies in the innermost nest."""
    for _ in _NESTS:
        if not isinstance(found, Mapping) or any(isinstance(value, Tensor) for value in found.values()):
            break
        inner = next((found[name] for name in _NESTS if isinstance(found.get(name), Mapping)), None)
        if inner is None:
            break
        found = inner
    return found if isinstance(found, Mapping) else {}


def plain_name(name: object) -> str:
    """A parameter's name without shells, as it is called today.

    >>> plain_name("module.bert.embeddings.LayerNorm.gamma"), plain_name("_orig_mod.model.classifier.bias")
    ('bert.embeddings.LayerNorm.weight', 'classifier.bias')
    """
    text = _SHELLS.sub("", str(name))
    for old, new in _OLD_NAMES:
        text = old.sub(new, text)
    return text


@dataclass(frozen=True)
class Fitted:
    """Weights under the names of a network.

    Attributes:
        weights: Parameter → tensor, of the network's shapes.
        missing: Parameters of the network that were not found.
        unexpected: Names in the checkpoint that the network has no place for.
        misshapen: What has another shape, with both.
    """

    weights: Mapping[str, Tensor]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]


def fit_names(tensors: Mapping[str, Tensor], network: Any, where: str) -> Fitted:
    """Find the place of each tensor in a network.

    The encoder is where its word embeddings are, whatever a script called it; the head must be called as stock ones.

    Args:
        tensors: Name → tensor, as `read_tensors` gives them.
        network: A stock network; may be on the meta device.
        where: The checkpoint's path, for messages.

    Raises:
        BundleError: There is no encoder, or there are several.
    """
    wanted = dict(network.named_parameters(remove_duplicate=False))  # a tied table has a name for each of its uses
    encoder = network.base_model
    base = f"{network.base_model_prefix}." if encoder is not network else ""
    table = encoder.get_input_embeddings().weight
    anchor = next(name for name, p in encoder.named_parameters() if p is table)
    roots = [name.removesuffix(anchor) for name in tensors if name == anchor or name.endswith(f".{anchor}")]
    if len(roots) != 1:
        fault = f"several encoders ({some(roots)}); save the one you mean" if roots else (
            f"no {anchor}, so the encoder's weights are missing; it has {some(tensors)}"
        )  # fmt: skip
        raise BundleError(f"{where}: {fault}")
    weights: dict[str, Tensor] = {}
    unexpected, misshapen = [], []
    for name, tensor in tensors.items():
        inside = base + name.removeprefix(roots[0])
        place = inside if name.startswith(roots[0]) and inside in wanted else name
        if place not in wanted:
            unexpected += [] if _COMPUTED.search(name) else [name]
        elif tensor.shape != wanted[place].shape:
            misshapen.append(f"{place} {list(tensor.shape)} instead of {list(wanted[place].shape)}")
        else:
            weights[place] = tensor
    found = {id(wanted[name]) for name in weights}
    missing = tuple(name for name, parameter in wanted.items() if id(parameter) not in found)
    return Fitted(weights, missing, tuple(unexpected), tuple(misshapen))


def some(names: Iterable[str]) -> str:
    """A few names and how many there are.

    >>> some("abcdefgh")
    'a, b, c, d, e, f, … (8 in all)'
    """
    listed = [name if len(name) <= 100 else f"{name[:100]}…" for name in names]
    rest = f", … ({len(listed)} in all)" if len(listed) > _SHOWN else ""
    return (", ".join(listed[:_SHOWN]) or "nothing") + rest


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

"""The teacher's outputs, computed once, kept on disk, memory-mapped; or computed anew where they would not fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from limbeck.core.errors import BundleError
from limbeck.core.files import new_directory, read_json, write_json
from limbeck.core.hashing import digest
from limbeck.core.journal import Journal
from limbeck.engine.rows import Rows, spans
from limbeck.nn.model import Model
from limbeck.nn.types import Batch, Outputs, Reads
from limbeck.text.batching import plan_batches

_HEADER = "cache.json"
_FORMAT = 1
_FILL_TOKENS = 4096


@runtime_checkable
class Teacher(Protocol):
    """Gives the teacher's outputs for a batch, wherever they come from."""

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, without gradients."""


class OnlineTeacher:
    """Runs the teacher for every batch.

    Args:
        model: The frozen teacher.
        reads: What is needed of it.
    """

    def __init__(self, model: Model, reads: Reads) -> None:
        self._model, self._reads = model, reads

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, without gradients."""
        with torch.no_grad():
            return self._model.run(batch, self._reads)


class CachedTeacher:
    """Reads outputs that were stored per token (logits: per item) in flat files.

    Args:
        folder: Where they are.
        rows: The rows that they were computed for.
        reads: What they hold.
    """

    def __init__(self, folder: Path, rows: Rows, reads: Reads) -> None:
        header = read_json(folder / _HEADER)
        self._heads: int = header["heads"]
        self._reads = reads
        self._arrays = {
            name: np.memmap(folder / f"{name}.bin", dtype=dtype, mode="r", shape=tuple(shape))
            for name, (dtype, shape) in header["arrays"].items()
        }
        self._rows = rows

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, gathered for the batch's rows."""
        rows, device = batch.rows.numpy(), batch.input_ids.device
        found = Outputs()
        if self._reads.logits:
            found.logits = self._gather("logits", spans(self._rows.items, rows), device)
        tokens = spans(self._rows.tokens, rows)
        for layer in self._reads.hidden:
            found.hidden[layer] = self._gather(f"hidden.{layer}", tokens, device)
        for layer in self._reads.attention:
            for kind in ("queries", "keys", "values"):
                flat = self._gather(f"{kind}.{layer}", tokens, device)
                getattr(found, kind)[layer] = flat.view(len(flat), self._heads, -1)
        return found

    def _gather(self, name: str, places: np.ndarray, device: torch.device) -> Tensor:
        return torch.from_numpy(self._arrays[name][places]).to(device, non_blocking=True).float()


def open_teacher(
    model: Model, rows: Rows, reads: Reads, *, identity: str, folder: Path, budget_gb: float, dtype: str, log: Journal
) -> Teacher:
    """The cheapest way to the teacher's outputs: a cache that is there, one that fits, or the teacher itself.

    Args:
        model: The frozen teacher.
        rows: All training rows.
        reads: What the objectives need of it.
        identity: Hash of the teacher's files, its tokenizer among them.
        folder: Directory of all caches of the run.
        budget_gb: Most gigabytes (10⁹ bytes) that a cache may take; 0 computes online.
        dtype: `float32` or `float16`, for all but the logits.
        log: Says what is done.
    """
    layout = _layout(model, rows, reads, dtype)
    size_gb = sum(np.dtype(kind).itemsize * shape[0] * shape[1] for kind, shape in layout.values()) / 1e9
    if size_gb > budget_gb:
        log.say(f"teacher outputs would take {size_gb:.1f} GB (budget {budget_gb:g} GB): computed in each step")
        return OnlineTeacher(model, reads)
    key = digest(
        {
            "format": _FORMAT,
            "teacher": identity,
            "rows": rows.digest(),
            "arrays": {name: [kind, list(shape)] for name, (kind, shape) in layout.items()},
        }
    )
    place = folder / f"teacher-{key[:32]}"
    if not _is_whole(place, layout):
        _fill(place, model, rows, reads, layout, log)
        log.say(f"teacher outputs cached: {place} ({size_gb:.2f} GB; safe to delete)")
    return CachedTeacher(place, rows, reads)


_Layout = dict[str, tuple[str, tuple[int, int]]]


def _layout(model: Model, rows: Rows, reads: Reads, dtype: str) -> _Layout:
    tokens, items, dims = len(rows.ids), len(rows.targets), model.dims
    hidden = [f"hidden.{layer}" for layer in sorted(reads.hidden)]
    heads = [f"{kind}.{layer}" for layer in sorted(reads.attention) for kind in ("queries", "keys", "values")]
    layout: _Layout = dict.fromkeys(hidden, (dtype, (tokens, dims.hidden)))
    layout |= dict.fromkeys(heads, (dtype, (tokens, dims.attended)))
    return layout | ({"logits": ("float32", (items, dims.labels))} if reads.logits else {})


def _is_whole(place: Path, layout: _Layout) -> bool:
    if not (place / _HEADER).is_file():
        return False
    try:
        arrays: dict[str, Any] = read_json(place / _HEADER)["arrays"]
    except (BundleError, KeyError, TypeError):
        return False
    sizes = {name: np.dtype(kind).itemsize * shape[0] * shape[1] for name, (kind, shape) in layout.items()}
    return arrays.keys() == sizes.keys() and all(
        (place / f"{name}.bin").is_file() and (place / f"{name}.bin").stat().st_size == size
        for name, size in sizes.items()
    )


def _fill(place: Path, model: Model, rows: Rows, reads: Reads, layout: _Layout, log: Journal) -> None:
    device = next(model.network.parameters()).device
    teacher = OnlineTeacher(model, reads)
    with new_directory(place) as folder, log.bar("teacher outputs", len(rows), "rows") as bar:
        arrays = {
            name: np.memmap(folder / f"{name}.bin", dtype=kind, mode="w+", shape=shape)
            for name, (kind, shape) in layout.items()
        }
        for indices in plan_batches(rows.lengths.tolist(), _FILL_TOKENS):
            batch = rows.batch(indices, device)
            chosen = batch.rows.numpy()
            for name, flat in _flat(teacher.outputs(batch)):
                arrays[name][spans(rows.items if name == "logits" else rows.tokens, chosen)] = flat.cpu().numpy()
            bar.advance(len(indices))
        for array in arrays.values():
            array.flush()
        write_json(folder / _HEADER, {"format": _FORMAT, "heads": model.dims.heads, "arrays": layout})


def _flat(outputs: Outputs) -> Iterator[tuple[str, Tensor]]:
    """Each tensor by name, one row per token, or per item for logits."""
    if outputs.logits is not None:
        yield "logits", outputs.logits
    for layer, hidden in outputs.hidden.items():
        yield f"hidden.{layer}", hidden
    for kind in ("queries", "keys", "values"):
        for layer, heads in getattr(outputs, kind).items():
            yield f"{kind}.{layer}", heads.flatten(1)

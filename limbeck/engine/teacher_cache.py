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
from limbeck.engine import processes
from limbeck.engine.rows import Rows, spans
from limbeck.nn.model import Model
from limbeck.nn.types import HEADS, Batch, Dims, Outputs, Reads
from limbeck.text.batching import plan_batches

_HEADER = "cache.json"
_FORMAT = 1
_FILL_TOKENS = 4096


@runtime_checkable
class Teacher(Protocol):
    """Gives the teacher's outputs for a batch, wherever they come from."""

    ahead: bool
    """Whether outputs may be fetched while a step runs."""

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, without gradients."""


@runtime_checkable
class LiveTeacher(Protocol):
    """A teacher that is run for each batch, and tells all that a cache of its outputs depends on."""

    ahead: bool
    """As `Teacher`'s."""
    reads: Reads
    """What it gives."""
    dims: Dims
    """The size of what it gives."""
    identity: str
    """Hash of the files of its models, their tokenizers among them, and of how they are put together."""
    device: torch.device
    """Where its outputs lie."""

    def outputs(self, batch: Batch) -> Outputs:
        """What it reads, without gradients."""


class OnlineTeacher:
    """Runs the teacher for every batch.

    Args:
        model: The frozen teacher.
        reads: What is needed of it.
        identity: Hash of its files.
    """

    def __init__(self, model: Model, reads: Reads, identity: str) -> None:
        self.ahead = False
        self._model, self.reads, self.identity = model, reads, identity
        self.dims, self.device = model.dims, next(model.network.parameters()).device

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, without gradients."""
        with torch.no_grad():
            return self._model.run(batch, self.reads)


class CachedTeacher:
    """Reads outputs that were stored per token (logits: per item) in flat files.

    Args:
        folder: Where they are.
        rows: The rows that they were computed for.
        reads: What they hold.
    """

    def __init__(self, folder: Path, rows: Rows, reads: Reads) -> None:
        self.ahead = True
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
        for kind, layer in _names(self._reads):
            flat = self._gather(f"{kind}.{layer}", tokens, device)
            getattr(found, kind)[layer] = flat if kind == "hidden" else flat.view(len(flat), self._heads, -1)
        return found

    def _gather(self, name: str, places: np.ndarray, device: torch.device) -> Tensor:
        """In the precision in which it is stored: objectives take their losses in fp32."""
        return torch.from_numpy(self._arrays[name].take(places, axis=0)).to(device, non_blocking=True)


def _names(reads: Reads) -> list[tuple[str, int]]:
    return [(kind, layer) for kind, layers in reads.layers() for layer in sorted(layers)]


def open_teacher(
    online: LiveTeacher, rows: Rows, *, folder: Path, budget_gb: float, dtype: str, log: Journal
) -> Teacher:
    """The cheapest way to a teacher's outputs: a cache that is there, one that fits, or the teacher itself.

    Args:
        online: The teacher itself.
        rows: All training rows.
        folder: Directory of all caches of the run.
        budget_gb: Most gigabytes (10⁹ bytes) that a cache may take; 0 computes online.
        dtype: `float32` or `float16`, for all but the logits.
        log: Says what is done.
    """
    layout = _layout(online, rows, dtype)
    size_gb = sum(np.dtype(kind).itemsize * shape[0] * shape[1] for kind, shape in layout.values()) / 1e9
    if size_gb > budget_gb:
        log.say(f"teacher outputs would take {size_gb:.1f} GB (budget {budget_gb:g} GB): computed in each step")
        return online
    key = digest(
        {
            "format": _FORMAT,
            "teacher": online.identity,
            "rows": rows.digest(),
            "arrays": {name: [kind, list(shape)] for name, (kind, shape) in layout.items()},
        }
    )
    place = folder / f"teacher-{key[:32]}"
    if processes.is_first() and not _is_whole(place, layout):
        _fill(place, online, rows, layout, log)
        log.say(f"teacher outputs cached: {place} ({size_gb:.2f} GB; safe to delete)")
    processes.wait()
    return CachedTeacher(place, rows, online.reads)


_Layout = dict[str, tuple[str, tuple[int, int]]]


def _layout(teacher: LiveTeacher, rows: Rows, dtype: str) -> _Layout:
    tokens, items, dims = len(rows.ids), len(rows.targets), teacher.dims
    layout: _Layout = {
        f"{kind}.{layer}": (dtype, (tokens, dims.hidden if kind == "hidden" else dims.attended))
        for kind, layer in _names(teacher.reads)
    }
    return layout | ({"logits": ("float32", (items, dims.labels))} if teacher.reads.logits else {})


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


def _fill(place: Path, teacher: LiveTeacher, rows: Rows, layout: _Layout, log: Journal) -> None:
    with new_directory(place) as folder, log.bar("teacher outputs", len(rows), "rows") as bar:
        arrays = {
            name: np.memmap(folder / f"{name}.bin", dtype=kind, mode="w+", shape=shape)
            for name, (kind, shape) in layout.items()
        }
        for indices in plan_batches(rows.lengths.tolist(), _FILL_TOKENS):
            batch = rows.batch(indices, teacher.device)
            chosen = batch.rows.numpy()
            for name, flat in _flat(teacher.outputs(batch)):
                if name in arrays:  # a network gives logits even where nobody reads them
                    arrays[name][spans(rows.items if name == "logits" else rows.tokens, chosen)] = flat.cpu().numpy()
            bar.advance(len(indices))
        for array in arrays.values():
            array.flush()
        write_json(folder / _HEADER, {"format": _FORMAT, "heads": teacher.dims.heads, "arrays": layout})


def _flat(outputs: Outputs) -> Iterator[tuple[str, Tensor]]:
    """Each tensor by name, one row per token, or per item for logits."""
    if outputs.logits is not None:
        yield "logits", outputs.logits
    for kind in ("hidden", *HEADS):
        for layer, values in getattr(outputs, kind).items():
            yield f"{kind}.{layer}", values.flatten(1)

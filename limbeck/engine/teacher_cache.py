"""The teacher's outputs, computed once and kept on disk; or computed anew in each step where they would not fit.

From disk they are memory-mapped: the pages are the system's, which keeps in memory what there is room for and drops the
rest, and shares them between processes. Reading them whole saves about a thousandth of a step (90 against 105 µs for
each array and batch), and is left to those whose disk is slow.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from limbeck.core.errors import BundleError
from limbeck.core.files import new_directory, read_json, sha256_file, write_json
from limbeck.core.hashing import digest
from limbeck.core.holding import held
from limbeck.core.journal import Journal
from limbeck.engine import processes
from limbeck.engine.rows import Rows
from limbeck.nn.model import Model
from limbeck.nn.types import HEADS, Batch, Dims, Outputs, Reads
from limbeck.text.batching import plan_batches
from limbeck.text.runs import spans

_HEADER = "cache.json"
_FORMAT = 2
_FILL_TOKENS = 4096
_SECTION_BYTES = 1 << 28
"""Outputs that are computed between two writes to disk: about so much of a file that is being filled is in memory."""


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
    """Reads outputs that were stored per token (logits: per item, pooled: per row) in flat files.

    Args:
        folder: Where they are.
        rows: The rows that they were computed for.
        reads: What they hold.
        whole: Whether they are read into memory now, rather than mapped.
    """

    def __init__(self, folder: Path, rows: Rows, reads: Reads, *, whole: bool = False) -> None:
        self.ahead = True
        header = read_json(folder / _HEADER)
        self._heads: int = header["heads"]
        self._reads = reads
        layout = {name: (kind, (n, width)) for name, (kind, (n, width)) in header["arrays"].items()}
        mapped = _mapped(folder, layout, "r")
        self._arrays = {name: np.array(array) if whole else array for name, array in mapped.items()}
        self._rows = rows

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, gathered for the batch's rows."""
        rows, device = batch.rows.numpy(), batch.input_ids.device
        found = Outputs()
        if self._reads.logits:
            found.logits = self._gather("logits", spans(self._rows.items, rows), device)
        found.pooled = {one: self._gather(f"pooled.{one}", rows, device) for one in self._reads.pooled}
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
    online: LiveTeacher, rows: Rows, *, folder: Path, budget_gb: float, dtype: str, log: Journal, memory_gb: float = 0.0
) -> Teacher:
    """The cheapest way to a teacher's outputs: a cache that is there, one that fits, or the teacher itself.

    Args:
        online: The teacher itself.
        rows: All training rows.
        folder: Directory of all caches of the run.
        budget_gb: Most gigabytes (10⁹ bytes) that a cache may take; 0 computes online.
        dtype: `float32` or `float16`, for all but the logits.
        log: Says what is done.
        memory_gb: Most gigabytes of a process's own memory that the cache may take; a larger one is mapped.
    """
    if online.reads.logits and online.dims.over_tokens:
        log.say("the teacher answers with a vocabulary, too much to keep: computed in each step")
        return online
    layout = _layout(online, rows, dtype)
    size_gb = sum(_sizes(layout).values()) / 1e9
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
    if processes.is_first():
        with held(place, wait=True):  # of two processes that want the same, one computes it
            fault = _fault(place, online, layout) if place.exists() else "absent"
            if place.exists() and fault:
                log.mended(f"{place}: {fault}; the teacher's outputs are computed again")
            if fault:
                _fill(place, online, rows, layout, log)
                log.say(f"teacher outputs cached: {place} ({size_gb:.2f} GB; safe to delete)")
    processes.wait()
    return CachedTeacher(place, rows, online.reads, whole=size_gb <= memory_gb)


_Layout = Mapping[str, tuple[str, tuple[int, int]]]
"""Name → data type and shape of each array."""


def _layout(teacher: LiveTeacher, rows: Rows, dtype: str) -> _Layout:
    tokens, items, dims = len(rows.ids), len(rows.targets), teacher.dims
    layout = {
        f"{kind}.{layer}": (dtype, (tokens, dims.hidden if kind == "hidden" else dims.attended))
        for kind, layer in _names(teacher.reads)
    }
    layout |= {f"pooled.{one}": (dtype, (len(rows), dims.hidden)) for one in sorted(teacher.reads.pooled)}
    return layout | ({"logits": ("float32", (items, dims.labels))} if teacher.reads.logits else {})


def _sizes(layout: _Layout) -> dict[str, int]:
    return {name: np.dtype(kind).itemsize * shape[0] * shape[1] for name, (kind, shape) in layout.items()}


def _mapped(folder: Path, layout: _Layout, mode: Literal["r", "r+"]) -> dict[str, np.memmap]:
    return {
        name: np.memmap(folder / f"{name}.bin", dtype=kind, mode=mode, shape=shape)
        for name, (kind, shape) in layout.items()
    }


def _fault(place: Path, teacher: LiveTeacher, layout: _Layout) -> str:
    """What is wrong with a cache; empty if it is whole."""
    try:
        header = read_json(place / _HEADER)
        if {**header, "sha256": None} != _header(teacher, layout, None):
            return f"{_HEADER} is damaged"
        for name, wanted in header["sha256"].items():
            if sha256_file(place / f"{name}.bin") != wanted:
                return f"{name}.bin is damaged (sha256 differs)"
        return "" if header["sha256"].keys() == layout.keys() else f"{_HEADER} is damaged"
    except (BundleError, OSError, KeyError, TypeError, AttributeError) as error:
        return str(error)


def _header(teacher: LiveTeacher, layout: _Layout, sha256: Mapping[str, str] | None) -> dict[str, Any]:
    arrays = {name: [kind, list(shape)] for name, (kind, shape) in layout.items()}
    return {"format": _FORMAT, "heads": teacher.dims.heads, "arrays": arrays, "sha256": sha256}


def _fill(place: Path, teacher: LiveTeacher, rows: Rows, layout: _Layout, log: Journal) -> None:
    with new_directory(place) as folder, log.bar("teacher outputs", len(rows), "rows") as bar:
        for name, size in _sizes(layout).items():
            _reserve(folder / f"{name}.bin", size)
        for section in _sections(rows, sum(_sizes(layout).values())):
            arrays = _mapped(folder, layout, "r+")  # anew: what was mapped before and is on disk leaves this process
            for batch in _batches(rows, section, teacher.device):
                chosen = batch.rows.numpy()
                for name, flat in _flat(teacher.outputs(batch)):
                    if name in arrays:  # a network gives logits even where nobody reads them
                        arrays[name][_places(name, rows, chosen)] = flat.cpu().numpy()
                bar.advance(len(chosen))
            for array in arrays.values():
                array.flush()
        sha256 = {name: sha256_file(folder / f"{name}.bin") for name in layout}
        write_json(folder / _HEADER, _header(teacher, layout, sha256))


def _places(name: str, rows: Rows, chosen: np.ndarray) -> np.ndarray:
    """Where in its array the outputs of some rows are."""
    if name.startswith("pooled."):
        return chosen
    return spans(rows.items if name == "logits" else rows.tokens, chosen)


def _reserve(path: Path, size: int) -> None:
    """Take the space on disk now: a process that writes to a mapped file on a full disk is ended without a word."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)


def _sections(rows: Rows, size: int) -> list[np.ndarray]:
    """Rows in runs whose outputs take `_SECTION_BYTES`, of all rows' `size`, so that each is written to one place."""
    places = rows.tokens[:-1] / len(rows.ids) * size // _SECTION_BYTES
    return np.split(np.arange(len(rows)), np.flatnonzero(np.diff(places)) + 1)


def _batches(rows: Rows, section: np.ndarray, device: torch.device) -> Iterator[Batch]:
    """Neighbouring rows, by length."""
    lengths = np.diff(rows.tokens[section[0] : section[-1] + 2])
    for chosen in plan_batches(lengths.tolist(), _FILL_TOKENS):
        yield rows.batch(section[chosen].tolist(), device)


def _flat(outputs: Outputs) -> Iterator[tuple[str, Tensor]]:
    """Each tensor by name, one row per token, or per item for logits, or per row of the data for pooled vectors."""
    if outputs.logits is not None:
        yield "logits", outputs.logits
    for pooling, vectors in outputs.pooled.items():
        yield f"pooled.{pooling}", vectors
    for kind in ("hidden", *HEADS):
        for layer, values in getattr(outputs, kind).items():
            yield f"{kind}.{layer}", values.flatten(1)

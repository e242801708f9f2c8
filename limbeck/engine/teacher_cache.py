"""The teacher's outputs, computed once and kept on disk; or computed anew in each step where they would not fit.

What several phases read is kept together, and each phase is given its own part of it.

From disk they are memory-mapped: the pages are the system's, which keeps in memory what there is room for and drops the
rest, and shares them between processes. Reading them whole saves about a thousandth of a step (90 against 105 µs for
each array and batch), and is left to those whose disk is slow.
"""

import copy
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
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
from limbeck.engine.memory import memory_told
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

    def reading(self, reads: Reads) -> "LiveTeacher":
        """The same teacher, which gives no more than a part of what it gives."""


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

    def reading(self, reads: Reads) -> "OnlineTeacher":
        """The same model, read elsewhere."""
        return OnlineTeacher(self._model, reads, self.identity)


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

    def reading(self, reads: Reads) -> "CachedTeacher":
        """The same files, of which no more than a part is gathered."""
        part = copy.copy(self)
        part._reads = reads
        return part

    def _gather(self, name: str, places: np.ndarray, device: torch.device) -> Tensor:
        """In the precision in which it is stored: objectives take their losses in fp32."""
        return torch.from_numpy(self._arrays[name].take(places, axis=0)).to(device, non_blocking=True)


def _names(reads: Reads) -> list[tuple[str, int]]:
    return [(kind, layer) for kind, layers in reads.layers() for layer in sorted(layers)]


def open_teachers(
    online: LiveTeacher,
    phases: Sequence[Reads],
    rows: Rows,
    *,
    folder: Path,
    budget_gb: float,
    dtype: str,
    log: Journal,
    memory_gb: float = 0.0,
) -> dict[Reads, Teacher]:
    """For each phase the cheapest way to what it reads: a cache that is there, one that fits, or the teacher itself.

    Args:
        online: The teacher itself, which gives all that is read.
        phases: What each phase reads. Where not all of it fits, those that read least are served from disk.
        rows: All training rows.
        folder: Directory of all caches of the run.
        budget_gb: Most gigabytes (10⁹ bytes) that the cache may take; 0 computes online.
        dtype: `float32` or `float16`, for all but the logits, and for what is within the range of float16.
        log: Says what is done.
        memory_gb: Most gigabytes of a process's own memory that the cache may take; a larger one is mapped.
    """
    if online.reads.logits and online.dims.over_tokens:
        log.say("the teacher answers with a vocabulary, too much to keep: computed in each step")
        return {reads: online.reading(reads) for reads in phases}
    wide: frozenset[str] = frozenset()
    while True:
        layout = partial(_layout, online.dims, rows, dtype, wide)
        kept = _fitting(phases, layout, budget_gb)
        place, part = folder / f"teacher-{_key(online, rows, layout(kept))}", online.reading(kept)
        beyond = _make(place, part, rows, layout(kept), log) if kept and processes.is_first() else frozenset()
        if not (beyond := processes.agree(beyond)):
            break
        wide |= beyond
        log.say(f"beyond the range of float16, and therefore kept as float32: {', '.join(sorted(beyond))}")
    left = [reads for reads in phases if kept | reads != kept]
    if left:
        kinds = {name.partition(".")[0] for reads in left for name in layout(reads).keys() - layout(kept).keys()}
        size_gb = _size_gb(layout(online.reads))
        log.say(
            f"teacher outputs would take {size_gb:.1f} GB (budget {budget_gb:g} GB): computed in each step of phases "
            f"that read {', '.join(sorted(kinds))}"
        )
    found: dict[Reads, Teacher] = {reads: online.reading(reads) for reads in left}
    if kept:
        cached = CachedTeacher(place, rows, kept, whole=_size_gb(layout(kept)) <= memory_gb)
        found |= {reads: cached.reading(reads) for reads in phases if reads not in found}
    return found


def _fitting(phases: Sequence[Reads], layout: Callable[[Reads], "_Layout"], budget_gb: float) -> Reads:
    """All that some phases read, those first that read least, as long as it fits."""
    kept = Reads()
    for reads in sorted(phases, key=lambda one: _size_gb(layout(one))):
        if _size_gb(layout(kept | reads)) <= budget_gb:
            kept |= reads
    return kept


def _key(teacher: LiveTeacher, rows: Rows, layout: "_Layout") -> str:
    """Names all that the values of a cache depend on."""
    arrays = {name: [kind, list(shape)] for name, (kind, shape) in layout.items()}
    return digest({"format": _FORMAT, "teacher": teacher.identity, "rows": rows.digest(), "arrays": arrays})[:32]


def _make(place: Path, teacher: LiveTeacher, rows: Rows, layout: "_Layout", log: Journal) -> frozenset[str]:
    """Fill a cache, unless it is there whole. Names arrays whose values float16 does not hold: then there is none."""
    with held(place, wait=True):  # of two processes that want the same, one computes it
        fault = _fault(place, teacher, layout) if place.exists() else "absent"
        if place.exists() and fault:
            log.mended(f"{place}: {fault}; the teacher's outputs are computed again")
        if fault:
            try:
                _fill(place, teacher, rows, layout, log)
            except _RangeError as error:
                return error.names
            log.say(f"teacher outputs cached: {place} ({_size_gb(layout):.2f} GB; safe to delete)")
    return frozenset()


_Layout = Mapping[str, tuple[str, tuple[int, int]]]
"""Name → data type and shape of each array."""


class _RangeError(Exception):
    """Some arrays hold numbers that are infinite in the precision in which they are stored."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


def _layout(dims: Dims, rows: Rows, dtype: str, wide: Collection[str], reads: Reads) -> _Layout:
    """How what is read is stored: as `dtype`, but for the logits and for the arrays of `wide`."""
    shapes = {
        f"{kind}.{layer}": (len(rows.ids), dims.hidden if kind == "hidden" else dims.attended)
        for kind, layer in _names(reads)
    }
    shapes |= {f"pooled.{one}": (len(rows), dims.hidden) for one in sorted(reads.pooled)}
    layout = {name: ("float32" if name in wide else dtype, shape) for name, shape in shapes.items()}
    return layout | ({"logits": ("float32", (len(rows.targets), dims.labels))} if reads.logits else {})


def _size_gb(layout: _Layout) -> float:
    return sum(_sizes(layout).values()) / 1e9


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
                # A network gives logits even where nobody reads them.
                with memory_told("teacher outputs"):
                    outputs = {name: flat for name, flat in _flat(teacher.outputs(batch)) if name in arrays}
                for name, values in _stored(outputs, layout).items():
                    arrays[name][_places(name, rows, chosen)] = values.cpu().numpy()
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


def _stored(outputs: Mapping[str, Tensor], layout: _Layout) -> dict[str, Tensor]:
    """In the precision in which they are stored.

    Raises:
        _RangeError: A finite number is infinite there.
    """
    found = {name: flat.to(getattr(torch, layout[name][0])) for name, flat in outputs.items()}
    beyond = {name for name, flat in outputs.items() if (flat.isfinite() & found[name].isinf()).any()}
    if beyond:
        raise _RangeError(frozenset(beyond))
    return found


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

"""Bundles: immutable model directories that say what they are, where they came from, and the sha256 of each file."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.core.errors import BundleError
from limbeck.core.files import new_directory, read_json, sha256_file, write_json
from limbeck.core.hashing import digest
from limbeck.core.intake import check_entry, entries, fault_of

if TYPE_CHECKING:
    from limbeck.core.spec import Spec

FORMAT = 1
"""Number of the layout of `bundle.json`; a Bundle of a later format is refused."""
MANIFEST = "bundle.json"
CODE = 3
"""Raised whenever a stage gives another result for the same fields, so that results of older code are made again."""
_MOST_BYTES = (1 << 63) - 1
"""No file is larger."""
_FACTS: Mapping[str, type] = {
    **dict.fromkeys(("dims", "gate", "parity", "counts", "data", "witness"), dict),
    **dict.fromkeys(("labels", "history", "warnings", "instruction_sets", "detected", "roles"), list),
}
"""What facts must be where they are there; each is checked further by who reads it."""
_MEANING = ("task", "labels", "max_length")
_LIBRARIES = ("limbeck", "torch", "transformers", "tokenizers", "onnxruntime", "onnx", "numpy", "accelerate", "jieba")


@dataclass
class Draft:
    """A Bundle being made: put files into `path`, fill the facts; it becomes a Bundle when the `with` block ends.

    Attributes:
        path: Temporary directory to write files into.
        origin: The parts of the manifest that were known before: stage, step, parents.
        facts: What the stage wants to be known later, plain values. Models carry `task`, `labels`, `max_length`.
    """

    path: Path
    origin: Mapping[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)

    def seal(self) -> "Bundle":
        """Write the manifest for what is there now, and open it. Done again when the block ends."""
        files = sorted(p for p in self.path.rglob("*") if p.is_file() and p != self.path / MANIFEST)
        manifest = {
            "format": FORMAT,
            **self.origin,
            "facts": self.facts,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "versions": library_versions(),
            "machine": {"system": platform.platform(), "processor": processor_name(), "cores": os.cpu_count()},
            "files": {
                p.relative_to(self.path).as_posix(): {"sha256": sha256_file(p), "size_bytes": p.stat().st_size}
                for p in files
            },
        }
        plain = json.loads(json.dumps(manifest))  # as it will be read
        write_json(self.path / MANIFEST, plain | {"sha256": digest(plain)})
        return Bundle(self.path)


@dataclass(frozen=True)
class Bundle:
    """A directory with a manifest, opened for reading."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What `bundle.json` says, checked for its outer form."""
        value = read_json(self.path / MANIFEST)
        if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
            raise BundleError(
                f"{self.path}: Bundle format {value['format']!r}, this limbeck reads {FORMAT}; upgrade limbeck"
            )
        if not _is_manifest(value):
            raise BundleError(f"{self.path / MANIFEST}: not a Bundle manifest; make the Bundle again")
        manifest: dict[str, Any] = value
        return manifest

    @property
    def stage(self) -> str:
        """The stage that made it."""
        return str(self.manifest["stage"])

    @property
    def facts(self) -> dict[str, Any]:
        """What the stage recorded: `task`, `labels`, `max_length` and more."""
        facts: dict[str, Any] = self.manifest["facts"]
        return facts

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the logits.

        Raises:
            BundleError: There are none, or what stands there are no distinct names.
        """
        if "labels" not in self.facts:
            raise BundleError(f"{self.path}: this {self.stage} Bundle has no labels; it is not a model")
        labels = tuple(self.facts["labels"])
        if not labels or not all(isinstance(name, str) for name in labels) or len(set(labels)) < len(labels):
            raise BundleError(f"{self.path}: labels: distinct names are expected (found {labels!r})")
        return labels

    @property
    def digest(self) -> str:
        """sha256 over the files' names and hashes and the facts that give them meaning, whenever it was made."""
        files = {name: entry["sha256"] for name, entry in self.manifest["files"].items()}
        return digest({"files": files, "facts": {name: self.facts.get(name) for name in _MEANING}})

    def file(self, name: str) -> Path:
        """The path of a file that the manifest lists, and that may be opened: plain, inside, of the stated size.

        Raises:
            BundleError: The Bundle has no such file, or something else lies there.
        """
        if name not in self.manifest["files"]:
            raise BundleError(f"{self.path}: this {self.stage} Bundle has no {name}; it has {', '.join(self.files())}")
        if fault := self._fault(name):
            raise BundleError(f"{self.path / name}: {fault}. Restore the Bundle or make it again")
        return self.path / name

    def files(self) -> tuple[str, ...]:
        """Names of the files that the manifest lists."""
        return tuple(self.manifest["files"])

    def faults(self) -> list[str]:
        """What is wrong: with the manifest itself; with listed files, missing, not plain, of another size or hash."""
        stated = {name: value for name, value in self.manifest.items() if name != "sha256"}
        found = []
        if self.manifest.get("sha256", digest(stated)) != digest(stated):  # Bundles of older code do not state it
            found.append(f"{MANIFEST}: sha256 differs from its own")
        for name, entry in self.manifest["files"].items():
            fault = self._fault(name)
            if not fault and sha256_file(self.path / name) != entry["sha256"]:
                fault = "sha256 differs from the manifest"
            found += [f"{name}: {fault}"] if fault else []
        return found

    def _fault(self, name: str) -> str:
        """What is wrong with a listed file, as far as its entry in the directory tells."""
        if fault := fault_of(self.path, name):
            return fault
        found, stated = (self.path / name).stat().st_size, self.manifest["files"][name]["size_bytes"]
        return "" if found == stated else f"{found} bytes, {stated} expected"

    def strangers(self) -> list[str]:
        """Whatever lies there and is not in the manifest: none of ours, and never read."""
        return [name for name in entries(self.path) if name not in self.manifest["files"] and name != MANIFEST]

    def check_plain(self) -> "Bundle":
        """Check, without opening any, that all files are plain, of the stated size, and that no others lie beside.

        Libraries that are given the directory cannot then find in it what the manifest does not tell of. Hidden files,
        as version control and desktops leave them, are read by none.

        Raises:
            BundleError: A file is something else, or does not belong.
        """
        for name in self.files():
            self.file(name)
        if others := [name for name in self.strangers() if not name.startswith(".")]:
            raise BundleError(
                f"{self.path}: {', '.join(others[:5])} ({len(others)} in all): not in the manifest; "
                "remove what does not belong, or restore the Bundle"
            )
        return self

    def verify(self) -> "Bundle":
        """Check every hash, and that nothing else lies there.

        Raises:
            BundleError: A file is damaged or does not belong; all are named.
        """
        return self._refuse([*self.faults(), *(f"{name}: not in the manifest" for name in self.strangers())])

    def check_hashes(self) -> "Bundle":
        """Check every hash, whatever else lies there.

        Raises:
            BundleError: A file is damaged; all are named.
        """
        return self._refuse(self.faults())

    def _refuse(self, faults: list[str]) -> "Bundle":
        if faults:
            raise BundleError(f"{self.path}: damaged Bundle: {'; '.join(faults)}. Restore it or make it again")
        return self


def is_bundle(path: Path) -> bool:
    """Whether a directory carries a manifest."""
    return (path / MANIFEST).is_file()


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Open a Bundle and check its manifest's form (not the hashes: `Bundle.verify` does that).

    Raises:
        BundleError: There is no Bundle; says what is there instead.
    """
    folder = Path(path)
    if not folder.exists():
        raise BundleError(f"{folder}: no such directory; give the path of a Bundle (a directory with {MANIFEST})")
    if not os.path.lexists(folder / MANIFEST):
        raise BundleError(f"{folder}: not a Bundle, there is no {MANIFEST} in it")
    check_entry(folder / MANIFEST)
    bundle = Bundle(folder)
    _ = bundle.manifest
    return bundle


def step_hash(stage: str, spec: "Spec", parents: Mapping[str, Bundle], outside: Mapping[str, str]) -> str:
    """Hash of all that a stage's result depends on: code, fields, inputs, what is read outside.

    Args:
        stage: The stage's name.
        spec: Its resolved fields.
        parents: Role → input Bundle.
        outside: Name → hash of what is read that is no Bundle: source files, a model's directory.
    """
    from limbeck.core.spec import essence  # reading a Bundle must not wait for pydantic

    digests = {role: bundle.digest for role, bundle in parents.items()}
    return digest({"code": CODE, "stage": stage, "fields": essence(spec), "parents": digests, "outside": dict(outside)})


@contextlib.contextmanager
def create_bundle(
    out: Path, stage: str, spec: "Spec", parents: Mapping[str, Bundle], outside: Mapping[str, str] | None = None
) -> Iterator[Draft]:
    """Make a Bundle: write files into `draft.path`; when the block ends they are hashed, sealed and named `out`.

    Raises:
        BundleError: `out` is there and holds something that is no Bundle.
    """
    if out.exists() and not is_bundle(out) and not (out.is_dir() and not any(out.iterdir())):
        raise BundleError(f"{out}: exists and is no Bundle, so it is not overwritten; choose another --out")
    origin = {
        "stage": stage,
        "step": spec.model_dump(mode="json"),
        "step_hash": step_hash(stage, spec, parents, outside or {}),
        "parents": {r: {"stage": b.stage, "digest": b.digest, "name": b.path.name} for r, b in parents.items()},
    }
    with new_directory(out) as temporary:
        draft = Draft(temporary, origin)
        yield draft
        draft.seal()


def library_versions() -> dict[str, str]:
    """Versions of the libraries that can change a result, and of Python."""
    import importlib.metadata  # slow to import, and not needed to read a Bundle

    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def processor_name() -> str:
    """The processor's model name, as the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def instruction_sets() -> list[str]:
    """The processor's int8 instruction sets that can change quantised answers, as far as the system tells."""
    known = {"avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm", "sve"}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.lower().startswith(("flags", "features")):
                return sorted(known & set(line.partition(":")[2].split()))
    return []


def _is_manifest(value: Any) -> bool:
    """Whether every part that is read later is there and of the right type."""
    sections = ("facts", "step", "parents", "versions", "machine", "files")
    return (
        isinstance(value, dict)
        and "format" in value
        and all(isinstance(value.get(name), str) for name in ("stage", "created", "step_hash"))
        and all(isinstance(value.get(name), dict) for name in sections)
        and all(isinstance(parent, dict) for parent in value["parents"].values())
        and all(isinstance(p.get(name), str) for p in value["parents"].values() for name in ("stage", "digest", "name"))
        and all(isinstance(value["facts"].get(name, kind()), kind) for name, kind in _FACTS.items())
        and all(
            isinstance(entry, dict)
            and isinstance(entry.get("sha256"), str)
            and isinstance(entry.get("size_bytes"), int)
            and 0 <= entry["size_bytes"] <= _MOST_BYTES
            for entry in value["files"].values()
        )
    )

"""The finished shards of a store that is being made: whole or absent, hashed, and what comes after each remembered.

They lie in a directory beside the result, as checkpoints of a training do, until the result is there.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from limbeck.core.files import new_directory, read_json, remove
from limbeck.core.journal import Journal
from limbeck.engine.sealing import KEY_CHARACTERS, fault, linked, seal
from limbeck.text.token_documents import KINDS, TokenisedDocuments, write_shard
from limbeck.text.token_store import shard_name

_MANIFEST, _HELD_OUT = "shard.json", "held_out.npz"


@dataclass(frozen=True)
class Place:
    """How far a corpus is tokenised, in plain values.

    Attributes:
        shards: How many are finished.
        documents: How many documents were read.
        tokens: How many tokens they have, held-out ones among them.
        sentences: How many sentences they have.
        border: Documents of this rank and above are not held out.
        ended: Whether the corpus is.
        told: What was found in it, once it has ended.
    """

    shards: int = 0
    documents: int = 0
    tokens: int = 0
    sentences: int = 0
    border: int = 1 << 64
    ended: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)


class Shards:
    """The shards of one result.

    Args:
        out: Where the result will be.
        key: Hash of all that it depends on: shards of another key are none of it.
        vocabulary: Ids are below this.
        log: Where damage is told.
    """

    def __init__(self, out: Path, key: str, vocabulary: int, log: Journal) -> None:
        self.folder = working_directory(out)
        self._key, self._vocabulary, self._log = key[:KEY_CHARACTERS], vocabulary, log

    def drop_others(self) -> None:
        """Delete what belongs to another result."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.name.endswith(self._key):
                remove(path)

    def path(self, number: int) -> Path:
        """Where a shard lies."""
        return self.folder / f"{shard_name(number)}-{self._key}"

    def after(self, number: int) -> tuple[Place, TokenisedDocuments] | None:
        """Where to go on behind a shard, and what is held out until then; None if it is not there, or damaged."""
        path = self.path(number)
        if not path.is_dir():
            return None
        if wrong := fault(path, _MANIFEST):
            self._log.mended(f"{path}: {wrong}; it is made again")
            remove(path)
            return None
        place = Place(**read_json(path / _MANIFEST)["place"])
        return place, TokenisedDocuments.load(path / _HELD_OUT)

    def save(self, place: Place, parts: list[TokenisedDocuments], held_out: TokenisedDocuments) -> None:
        """Keep a shard.

        Args:
            place: Where to go on behind it.
            parts: Its documents.
            held_out: Documents held out until then.

        Raises:
            LimbeckError: It cannot be written; those before it are as they were.
        """
        number = place.shards - 1
        with new_directory(self.path(number)) as folder:
            counts = write_shard(folder, shard_name(number), parts, self._vocabulary)
            held_out.save(folder / _HELD_OUT)
            seal(folder, _MANIFEST, place=asdict(place), counts=counts)

    def counts(self, number: int) -> dict[str, int]:
        """Tokens, sentences and documents of a shard."""
        found: dict[str, int] = read_json(self.path(number) / _MANIFEST)["counts"]
        return found

    def lay(self, number: int, folder: Path) -> None:
        """Lay the files of a shard into a folder as well, without copying them where the file system can."""
        for kind in KINDS:
            name = f"{shard_name(number)}.{kind}"
            if not linked(self.path(number) / name, folder / name):
                shutil.copyfile(self.path(number) / name, folder / name)


def working_directory(out: Path) -> Path:
    """Where shards lie until the result `out` is there."""
    return out.with_name(f"{out.name}.shards")

"""What a tokenizer puts around texts: special tokens, and token types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Frame:
    """Special tokens before, between and after texts, as pairs of id and type id, and the type id of each text."""

    special: list[list[tuple[int, int]]]
    types: list[int]

    @classmethod
    def of(cls, shown: Any) -> "Frame":
        """The frame of an encoding of the library."""
        special: list[list[tuple[int, int]]] = [[]]
        types: list[int] = []
        for token, kind, text in zip(shown.ids, shown.type_ids, shown.sequence_ids, strict=True):
            if text is None:
                special[-1].append((token, kind))
            elif text == len(types):
                types.append(kind)
                special.append([])
        return cls(special, types)

    @property
    def before(self) -> int:
        """Special tokens before the first text."""
        return len(self.special[0])

    @property
    def size(self) -> int:
        """Special tokens in all."""
        return sum(map(len, self.special))

    def own(self, encoding: Any) -> list[int]:
        """The ids of an encoding of one text, without those of the frame."""
        ids: list[int] = encoding.ids
        return ids[self.before : len(ids) - len(self.special[1])]

    def around(self, *texts: Sequence[int]) -> tuple[list[int], list[int]]:
        """Ids and type ids of an input of these texts' ids."""
        ids, types = ([part[column] for part in self.special[0]] for column in (0, 1))
        for text, kind, special in zip(texts, self.types, self.special[1:], strict=True):
            ids += [*text, *(part[0] for part in special)]
            types += [*[kind] * len(text), *(part[1] for part in special)]
        return ids, types

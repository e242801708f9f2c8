"""A text as words and what stands between them: words may be exchanged, all else stays as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from limbeck.text.words import Span


@dataclass(frozen=True)
class Sentence:
    """A text and where its words are.

    Attributes:
        text: All of it.
        spans: Where each word begins and where it ends, ascending, none overlapping another.
    """

    text: str
    spans: tuple[Span, ...]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words."""
        return tuple(self.text[start:end] for start, end in self.spans)

    def rewritten(self, words: Sequence[str]) -> str:
        """The text with other words; one that is empty goes together with the white space before it.

        Args:
            words: As many as the sentence has.

        >>> spans = ((0, 1), (2, 6), (8, 12), (13, 17))
        >>> Sentence("A fine, fine film.", spans).rewritten(["A", "good", "", "play"])
        'A good, play.'
        """
        parts = []
        end = 0
        for (start, stop), word in zip(self.spans, words, strict=True):
            gap = self.text[end:start]
            parts += [gap, word] if word else [gap.rstrip()]
            end = stop
        return "".join([*parts, self.text[end:]]).strip()

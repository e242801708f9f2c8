"""How a batch lies in a network's input: packed into one long row without padding, or padded. Outputs are flat in both.

Padding is waste: packed, linear layers see real tokens alone, and attention runs once for each group of rows of equal
length. Stock networks do not know: they see a batch of one row whose positions start anew with each text.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from limbeck.nn.attention import attend
from limbeck.nn.types import Batch


@runtime_checkable
class Layout(Protocol):
    """What the taps and the model need to know of how a batch lies."""

    def inputs(self, first_position: int) -> dict[str, Tensor | None]:
        """The network's arguments, token types among them."""

    def flat(self, values: Float[Tensor, "rows seq ..."]) -> Float[Tensor, "tokens ..."]:
        """What a network computed for each real token."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        """Scaled dot-product attention within each text: `[rows, heads, seq, head_dim]` → `[rows, seq, heads, …]`."""

    def for_head(self, hidden: Float[Tensor, "rows seq hidden"], *, per_word: bool) -> Float[Tensor, "_ _ hidden"]:
        """The last hidden states as the head is to see them."""

    def answers(self, values: Tensor, *, per_word: bool) -> Float[Tensor, "items features"]:
        """Of what was made of the last hidden states, each item's: logits, or what they are made from."""

    def first_tokens(self, hidden: Tensor) -> Float[Tensor, "batch hidden"]:
        """Of the last hidden states as a head of words sees them, those of each row's first token."""


@dataclass(frozen=True)
class Packed:
    """All tokens in one row, and only the items' tokens before the head.

    Attributes:
        batch: The tokens.
        filled: Tokens of the row: the batch's, and perhaps a few more at its end that nobody attends to.
        firsts: Whether the head is to see each row's first token too, after the items'.
    """

    batch: Batch
    filled: int = 0
    firsts: bool = False

    @classmethod
    def of(cls, batch: Batch, *, firsts: bool = False) -> "Packed":
        """On a CPU in half precision, whose matrix kernels are compiled for each new size, of one of few sizes."""
        tokens = len(batch.input_ids)
        device = batch.input_ids.device.type
        few = device == "cpu" and torch.is_autocast_enabled(device)
        return cls(batch, round_up(tokens) if few else tokens, firsts)

    def inputs(self, first_position: int) -> dict[str, Tensor | None]:
        """`[1, filled]` each, and no mask."""
        return {
            "input_ids": self._filled(self.batch.input_ids)[None],
            "token_type_ids": self._filled(self.batch.token_type_ids)[None],
            "position_ids": self._filled(self.batch.positions)[None] + first_position,
            "attention_mask": None,
        }

    def _filled(self, values: Shaped[Tensor, "tokens ..."]) -> Shaped[Tensor, "filled ..."]:
        more = self.filled - len(values)
        return torch.cat([values, values.new_zeros(more, *values.shape[1:])]) if more else values

    def flat(self, values: Float[Tensor, "1 filled ..."]) -> Float[Tensor, "tokens ..."]:
        """The one row."""
        return values.squeeze(0)[: len(self.batch.input_ids)]

    def attend(self, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        """One product for each group of rows of equal length."""
        flat = (self.flat(x.transpose(1, 2)) for x in (query, key, value))
        groups = zip(*map(self.batch.by_length, flat), strict=True)
        parts = [
            attend(*(x.transpose(1, 2) for x in group), **options).transpose(1, 2).flatten(0, 1) for group in groups
        ]
        return self._filled(parts[0] if len(parts) == 1 else torch.cat(parts)).unsqueeze(0)

    def for_head(self, hidden: Float[Tensor, "1 filled hidden"], *, per_word: bool) -> Float[Tensor, "_ _ hidden"]:
        """Items alone: `[1, items, hidden]` of words; of texts, whose heads take first tokens, `[items, 1, hidden]`."""
        picked = hidden[0, self._read]
        return picked[None] if per_word else picked[:, None]

    @cached_property
    def _read(self) -> Int[Tensor, " read"]:
        """Places of the tokens that the head sees."""
        return torch.cat([self.batch.items, self.batch.firsts]) if self.firsts else self.batch.items

    def answers(self, values: Tensor, *, per_word: bool) -> Float[Tensor, "items features"]:
        """Those that come first."""
        return (values[0] if per_word else values)[: len(self.batch.items)]

    def first_tokens(self, hidden: Float[Tensor, "1 read hidden"]) -> Float[Tensor, "batch hidden"]:
        """Those after the items'."""
        return hidden[0, len(self.batch.items) :]


def round_up(count: int) -> int:
    """A count rounded up to five binary digits: at most 1/16 more, and 16 different counts for each doubling.

    >>> [round_up(n) for n in (17, 33, 800, 801)]
    [17, 34, 800, 832]
    """
    step = 1 << max(count.bit_length() - 5, 0)
    return -(-count // step) * step


@dataclass(frozen=True)
class Padded:
    """A row for each text, filled up to the longest: for networks whose tokens look past their text's border."""

    batch: Batch
    pad_id: int = 0

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.batch.lengths), max(self.batch.lengths)

    @cached_property
    def _places(self) -> Int[Tensor, " tokens"]:
        """Where each real token is among the rows laid end to end."""
        device, (count, width) = self.batch.input_ids.device, self._shape
        rows = torch.arange(0, count * width, width, device=device)
        firsts = torch.split(rows, [count for count, _ in self.batch.groups])
        groups = zip(firsts, self.batch.groups, strict=True)
        places = [(first[:, None] + torch.arange(length, device=device)).flatten() for first, (_, length) in groups]
        return torch.cat(places)

    @cached_property
    def _mask(self) -> Bool[Tensor, "rows 1 1 seq"] | None:
        """True where there is a token; None where there is no padding, as a mask costs time."""
        if len(self.batch.groups) == 1:
            return None
        return self._padded(torch.ones_like(self.batch.input_ids, dtype=torch.bool), 0)[:, None, None]

    def inputs(self, first_position: int) -> dict[str, Tensor | None]:
        """`[rows, seq]` each, and no mask: the attention knows it."""
        device = self.batch.input_ids.device
        return {
            "input_ids": self._padded(self.batch.input_ids, self.pad_id),
            "token_type_ids": self._padded(self.batch.token_type_ids, 0),
            "position_ids": (torch.arange(self._shape[1], device=device) + first_position).expand(self._shape),
            "attention_mask": None,
        }

    def _padded(self, values: Shaped[Tensor, " tokens"], padding: int) -> Shaped[Tensor, "rows seq"]:
        filled = values.new_full((math.prod(self._shape),), padding)
        return filled.index_copy(0, self._places, values).view(self._shape)

    def flat(self, values: Float[Tensor, "rows seq ..."]) -> Float[Tensor, "tokens ..."]:
        """Without the padding."""
        return values.flatten(0, 1).index_select(0, self._places)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        """One product, under a mask of the padding."""
        return attend(query, key, value, attn_mask=self._mask, **options).transpose(1, 2)

    def for_head(self, hidden: Float[Tensor, "rows seq hidden"], *, per_word: bool) -> Float[Tensor, "_ _ hidden"]:
        """As they are."""
        return hidden

    def answers(self, values: Tensor, *, per_word: bool) -> Float[Tensor, "items features"]:
        """Of words, those of their first sub-words."""
        return self.flat(values)[self.batch.items] if per_word else values

    def first_tokens(self, hidden: Float[Tensor, "rows seq hidden"]) -> Float[Tensor, "batch hidden"]:
        """Each row's first."""
        return hidden[:, 0]

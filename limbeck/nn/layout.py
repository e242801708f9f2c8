"""How a batch lies in a network's input: packed into one long row without padding, or padded. Outputs are flat in both.

Padding is waste: packed, linear layers see real tokens alone, and attention runs once for each group of rows of equal
length. Stock networks do not know: they see a batch of one row whose positions start anew with each text.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from limbeck.nn.types import Batch


@runtime_checkable
class Layout(Protocol):
    """What the taps and the model need to know of how a batch lies."""

    def inputs(self, first_position: int) -> dict[str, Tensor | None]:
        """The network's arguments, token types among them."""

    def flat(self, values: Float[Tensor, "rows seq ..."]) -> Float[Tensor, "tokens ..."]:
        """What a network computed for each real token."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
        """Scaled dot-product attention within each text: `[rows, heads, seq, head_dim]` → `[rows, seq, heads, …]`."""

    def for_head(self, hidden: Float[Tensor, "rows seq hidden"], *, per_word: bool) -> Float[Tensor, "_ _ hidden"]:
        """The last hidden states as the head is to see them."""

    def answers(self, logits: Tensor, *, per_word: bool) -> Float[Tensor, "items labels"]:
        """The logits of each item."""


@dataclass(frozen=True)
class Packed:
    """All tokens in one row, and only the items' tokens before the head."""

    batch: Batch

    def inputs(self, first_position: int) -> dict[str, Tensor | None]:
        """`[1, tokens]` each, and no mask."""
        return {
            "input_ids": self.batch.input_ids[None],
            "token_type_ids": self.batch.token_type_ids[None],
            "position_ids": self.batch.positions[None] + first_position,
            "attention_mask": None,
        }

    def flat(self, values: Float[Tensor, "1 tokens ..."]) -> Float[Tensor, "tokens ..."]:
        """The one row."""
        return values.squeeze(0)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
        """One product for each group of rows of equal length."""
        flat = (x.squeeze(0).transpose(0, 1) for x in (query, key, value))
        groups = zip(*map(self.batch.by_length, flat), strict=True)
        parts = [
            scaled_dot_product_attention(*(x.transpose(1, 2) for x in group), **options).transpose(1, 2).flatten(0, 1)
            for group in groups
        ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).unsqueeze(0)

    def for_head(self, hidden: Float[Tensor, "1 tokens hidden"], *, per_word: bool) -> Float[Tensor, "_ _ hidden"]:
        """Items alone: `[1, items, hidden]` of words; of texts, whose heads take first tokens, `[items, 1, hidden]`."""
        picked = hidden[0, self.batch.items]
        return picked[None] if per_word else picked[:, None]

    def answers(self, logits: Tensor, *, per_word: bool) -> Float[Tensor, "items labels"]:
        """There are no others."""
        return logits[0] if per_word else logits


@dataclass(frozen=True)
class Padded:
    """A row for each text, filled up to the longest: for networks whose tokens look past their text's border."""

    batch: Batch
    pad_id: int = 0

    @cached_property
    def real(self) -> Bool[Tensor, "rows seq"]:
        """True where there is a token."""
        lengths = torch.tensor(self.batch.lengths, device=self.batch.input_ids.device)
        places = torch.arange(max(self.batch.lengths), device=lengths.device)
        return places[None] < lengths[:, None]

    def inputs(self, first_position: int) -> dict[str, Tensor | None]:
        """`[rows, seq]` each; the mask hides the padding."""
        places = torch.arange(self.real.shape[1], device=self.real.device) + first_position
        return {
            "input_ids": self._padded(self.batch.input_ids, self.pad_id),
            "token_type_ids": self._padded(self.batch.token_type_ids, 0),
            "position_ids": places.expand(self.real.shape),
            "attention_mask": self.real.long(),
        }

    def _padded(self, values: Tensor, padding: int) -> Tensor:
        result = values.new_full(self.real.shape, padding)
        result[self.real] = values
        return result

    def flat(self, values: Float[Tensor, "rows seq ..."]) -> Float[Tensor, "tokens ..."]:
        """Without the padding."""
        return values[self.real]

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
        """One product, under the network's mask."""
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, **options).transpose(1, 2)

    def for_head(self, hidden: Float[Tensor, "rows seq hidden"], *, per_word: bool) -> Float[Tensor, "_ _ hidden"]:
        """As they are."""
        return hidden

    def answers(self, logits: Tensor, *, per_word: bool) -> Float[Tensor, "items labels"]:
        """Of words, those of their first sub-words."""
        return self.flat(logits)[self.batch.items] if per_word else logits

"""What a user can say of a training, whatever stage does it."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from limbeck.core.spec import Spec, incidental
from limbeck.engine.optim import Schedule
from limbeck.nn.compiling import fault
from limbeck.nn.model import best_device

_FEWEST, _MOST = 3, 20
"""Passes that a number of steps may be: fewer leave no time to tell good weights from bad, more seldom add anything."""
_RATE, _WIDTH = 5e-5, 768
"""BERT-base's."""


def rate_for(hidden: int) -> float:
    """The peak rate for a network so wide: 5e-5 at BERT-base's 768 features, and inversely to the width.

    5e-5 is the highest rate of BERT's grid (arXiv:1810.04805, A.3). With Adam the best rate of matrices falls as one
    over the width (Yang et al. 2022, arXiv:2203.03466, table 3).

    >>> rate_for(768), rate_for(384), rate_for(128)
    (5e-05, 0.0001, 0.0003)
    """
    return float(f"{_RATE * _WIDTH / hidden:.3g}")


class Updates(Spec):
    """How a model is updated, whatever it is trained on."""

    learning_rate: float | None = Field(None, gt=0.0)
    """Peak rate of AdamW. null: 5e-5 for a network 768 wide, as BERT-base, and inversely to the width for others, so
    1e-4 for one 384 wide."""
    batch_size: int = Field(32, ge=1)
    """Rows per step. BERT's fine-tuning takes 16 or 32."""
    schedule: Schedule = "linear"
    """How the rate falls to 0 after the warm-up; BERT's is linear."""
    warmup_fraction: float = Field(0.1, ge=0.0, lt=1.0)
    """Part of all steps in which the rate climbs; BERT's is 0.1."""
    weight_decay: float = Field(0.01, ge=0.0)
    """Decoupled decay of matrices; BERT's is 0.01."""
    clip_norm: float = Field(1.0, gt=0.0)
    """Largest norm of the gradient; BERT's is 1."""
    dropout: bool = True
    """Whether the model's own dropout is on while it trains."""
    accumulate: int = Field(1, ge=1)
    """Parts that a batch is run in, one after the other, where it would not fit in memory at once. The result is that
    of the whole batch, but for objectives that compare its rows with one another (`dist`, `similarity`): these compare
    the rows of a part alone."""
    part_tokens: int = Field(8192, ge=64)
    """Most tokens that a process runs at once, ≥ 64: a batch that has more is run in more parts than `accumulate` says,
    so that memory does not grow with the length of the texts. The result changes as with `accumulate`."""
    embeddings: Literal["rows", "all"] = "rows"
    """Which word vectors a step updates: `rows`, those that occur in its batch, by lazy Adam without decay, which costs
    what they cost; or `all`, by AdamW, whose momentum moves every vector in every step, as BERT's does. Where
    weights lie in parts (FSDP), it is `all`."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Precision of the forward and backward pass; weights and the optimiser stay in fp32. fp16 needs a GPU. On a CPU
    with AMX or AVX-512 BF16 a step in bf16 is about 1.5 times as fast, on one with neither it is slower."""
    compile: bool = False
    """Whether layers are compiled by `torch.compile`, but for their attention. Losses stay the same to 1e-5. The first
    steps take a minute or more. On a CPU no gain was found; there may be one on a GPU, where small kernels
    cost more than what they compute, and where it was not measured."""

    def rate(self, hidden: int) -> float:
        """The peak rate for a network so wide."""
        return rate_for(hidden) if self.learning_rate is None else self.learning_rate

    @field_validator("precision")
    @classmethod
    def _can_round(cls, wanted: str) -> str:
        if wanted == "fp16" and best_device().type == "cpu":
            raise ValueError("fp16 needs a GPU, and there is none; on a CPU take bf16, or fp32")
        return wanted

    @field_validator("compile")
    @classmethod
    def _can_compile(cls, wanted: bool) -> bool:
        if wanted and (why := fault(best_device())):
            raise ValueError(why)
        return wanted


class Training(Updates):
    """How a model is trained on rows that have labels."""

    epochs: int | None = Field(3, ge=1)
    """Passes over the training rows, ≥ 1; BERT's fine-tuning takes 2 to 4. null: as many as `steps` asks for."""
    steps: int = Field(1000, ge=1)
    """Steps to make where `epochs` is null, in whole passes, 3 to 20 of them: few rows are seen more often than many,
    as those of TinyBERT's smaller tasks are (10 to 50 passes, arXiv:1909.10351, 4.2)."""

    def passes(self, rows: int) -> int:
        """Passes over so many rows.

        >>> few = Training(epochs=None)
        >>> [few.passes(rows) for rows in (100, 3668, 100_000)], Training(epochs=2).passes(100)
        ([20, 9, 3], 2)
        """
        if self.epochs is not None:
            return self.epochs
        return min(max(math.ceil(self.steps / math.ceil(rows / self.batch_size)), _FEWEST), _MOST)


class CorpusPhase(Updates):
    """A part of a training on raw text, with its own length of texts and rate."""

    name: str = ""
    """What the log calls it."""
    steps: int = Field(10_000, ge=1)
    """Steps, ≥ 1; BERT makes 900 000 of 128 tokens and 100 000 of 512, with 256 texts each."""
    evaluate_every: int = Field(500, ge=1)
    """Steps between two looks at the documents held out."""
    max_length: int = Field(128, ge=16)
    """Tokens per text or pair, special tokens included; documents are cut into pieces of that length."""
    batch_size: int = Field(64, ge=1)
    """Texts per step; BERT's are 256."""
    learning_rate: float | None = Field(None, gt=0.0)
    """Peak rate of AdamW. null: 5e-4 where what is trained begins with random weights, as small models have it
    (ELECTRA-small, DistilBERT; BERT-base's is 1e-4); where a model is gone on from, 5e-5 for one 768 wide, and
    inversely to the width for others, so that it keeps what it knows."""
    warmup_fraction: float = Field(0.05, ge=0.0, lt=1.0)
    """Part of the steps in which the rate climbs; BERT's is 0.01, DistilBERT's 0.05."""


def single_phase(fields: Any, phase: type[Spec]) -> Any:
    """Fields of a stage that has phases, those of a phase that are given beside them made part of its only one.

    Args:
        fields: What YAML gave.
        phase: The class of a phase.

    Raises:
        ValueError: There are several phases.
    """
    if not isinstance(fields, Mapping) or not (own := fields.keys() & phase.model_fields.keys()):
        return fields
    phases = fields.get("phases", ({},))
    if not isinstance(phases, (list, tuple)) or not all(isinstance(one, (Mapping, Spec)) for one in phases):
        return {name: value for name, value in fields.items() if name not in own}  # of which the Spec will tell
    if len(phases) != 1:
        raise ValueError(
            f"{', '.join(sorted(own))}: belongs to a phase, and there are {len(phases)}; write phases[0].{min(own)}"
        )
    rest, phase_fields = dict(fields), dict(phases[0])
    phase_fields |= {name: rest.pop(name) for name in own}
    return {**rest, "phases": (phase_fields,)}


class Tracked(Spec):
    """What every training stage lets one choose beside how it trains."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Of fresh weights, of dropout and of the order of the rows."""
    tracker: Literal["none", "tensorboard"] = incidental("none")
    """Where curves go beside the log: `tensorboard` writes event files beside the result."""
    checkpoint_every: float = incidental(10.0, ge=0.0)
    """Minutes between checkpoints, from which the same command goes on after whatever stopped it; 0: after each step.
    An epoch's end makes one too, where that takes less than a fiftieth of the time since the last one."""
    strict: bool = incidental(False)
    """Whether a damaged checkpoint is an error (`--strict`); if not, the one before it is taken, with a warning."""

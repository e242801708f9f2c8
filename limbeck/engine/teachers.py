"""Teachers that cut texts into other tokens than their student, and several teachers that speak as one."""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from limbeck.core.errors import DataError
from limbeck.core.hashing import digest
from limbeck.core.journal import Journal
from limbeck.engine.rows import Rows
from limbeck.engine.teacher_cache import LiveTeacher, OnlineTeacher
from limbeck.nn.ensemble import by_confidence, combined
from limbeck.nn.model import Model
from limbeck.nn.types import Batch, Outputs, Reads
from limbeck.text.encode import Encoder
from limbeck.text.port import Example, Task
from limbeck.text.runs import spans


class ForeignTeacher:
    """Runs a teacher on rows of its own, and gives its logits for the items of the student's.

    Texts correspond one to one, and words by their number, in whatever windows they stand on either side; tokens do
    not. So it can give logits and, where an item is a text, and a row therefore, vectors of rows.

    Args:
        model: The frozen teacher.
        own: The examples, as its own tokenizer cuts them.
        rows: The same examples, as the student's does; every item must be among `own`.
        identity: Hash of the teacher's files.
        reads: What is needed of it: logits, vectors of rows, or both.
    """

    def __init__(self, model: Model, own: Rows, rows: Rows, identity: str, reads: Reads) -> None:
        self.ahead = False
        self.reads, self.dims = reads, model.dims
        self.device = next(model.network.parameters()).device
        self._model, self._own, self._items = model, own, rows.items
        self._places = rows.places_in(own)
        places = hashlib.sha256(self._places.tobytes()).hexdigest()
        self.identity = digest({"teacher": identity, "rows": own.digest(), "places": places})

    def reading(self, reads: Reads) -> "ForeignTeacher":
        """The same model, of which no more than a part is given."""
        part = copy.copy(self)
        part.reads = reads
        return part

    def outputs(self, batch: Batch) -> Outputs:
        """What is read of the batch's items, without gradients."""
        wanted = self._places[spans(self._items, batch.rows.numpy())]
        if not len(wanted):
            return Outputs(logits=torch.zeros(0, self.dims.labels, device=self.device))
        rows = np.unique(np.searchsorted(self._own.items, wanted, side="right") - 1)
        made = self._own.batch(rows.tolist(), self.device)
        given = spans(self._own.items, made.rows.numpy())
        order = np.argsort(given)
        chosen = order[np.searchsorted(given, wanted, sorter=order)]
        with torch.no_grad():
            found = self._model.run(made, self.reads)
        places = torch.from_numpy(chosen).to(self.device)
        pooled = {pooling: vectors[places] for pooling, vectors in found.pooled.items()}
        return Outputs(logits=None if found.logits is None else found.logits[places], pooled=pooled)


class Ensemble:
    """Several teachers: their logits together, all else as the first one has it.

    Args:
        teachers: In order; all but the first are asked for logits alone.
        shares: Each one's share in the mean of their probabilities; None: by its confidence, item by item.
    """

    def __init__(self, teachers: Sequence[LiveTeacher], shares: Sequence[float] | None) -> None:
        self.ahead = False
        first = teachers[0]
        self.reads, self.dims, self.device = first.reads, first.dims, first.device
        self._teachers = teachers
        self._shares = None if shares is None else torch.tensor(shares, device=self.device).view(-1, 1, 1)
        self.identity = digest({"teachers": [t.identity for t in teachers], "shares": shares})

    def reading(self, reads: Reads) -> LiveTeacher:
        """The first one alone, where no logits are read."""
        first, *others = self._teachers
        if not reads.logits:
            return first.reading(reads)
        part = copy.copy(self)
        part.reads, part._teachers = reads, [first.reading(reads), *others]
        return part

    def outputs(self, batch: Batch) -> Outputs:
        """What the objectives read, without gradients."""
        found, *others = [teacher.outputs(batch) for teacher in self._teachers]
        logits = torch.stack([o.logits.float() for o in (found, *others) if o.logits is not None])
        shares = by_confidence(logits, self.dims.answer) if self._shares is None else self._shares
        found.logits = combined(logits, shares, self.dims.answer)
        return found


@dataclass(frozen=True)
class Tutor:
    """A teacher, opened.

    Attributes:
        role: What the recipe calls it.
        model: Its network, frozen when it is asked, with the labels in the data's order.
        encoder: What encodes for it.
        identity: Hash of all that its answers depend on but the rows.
    """

    role: str
    model: Model
    encoder: Encoder
    identity: str


def together(
    tutors: Sequence[Tutor],
    shares: Sequence[float] | None,
    encoder: Encoder,
    rows: Rows,
    examples: Sequence[Example],
    task: Task,
    reads: Reads,
    log: Journal,
) -> tuple[LiveTeacher, Rows]:
    """The teachers as one, and the student's rows with the items that all of them answer for.

    Args:
        tutors: The first one gives all that is read; the others are run only if that has logits.
        shares: What each counts; None: by its confidence.
        encoder: The student's.
        rows: What the student trains on.
        examples: What the rows were made of.
        task: What is answered.
        reads: What the objectives need. Where the first teacher's tokens are not the student's, nothing of tokens.
        log: Says who reads other rows, and what is left out.

    Raises:
        DataError: There is no item that all of them answer for.
    """
    asked = tutors if reads.logits else tutors[:1]
    owns = [None if t.encoder.same_as(encoder) else _own_rows(t, task, examples, log) for t in asked]
    rows = _in_common(rows, [own for own in owns if own is not None], log)
    wanted = [reads, *[Reads(logits=True)] * (len(asked) - 1)]
    live: list[LiveTeacher] = [
        OnlineTeacher(tutor.model, its, tutor.identity)
        if own is None
        else ForeignTeacher(tutor.model, own, rows, tutor.identity, its)
        for tutor, own, its in zip(asked, owns, wanted, strict=True)
    ]
    return (live[0] if len(live) == 1 else Ensemble(live, shares)), rows


def _own_rows(tutor: Tutor, task: Task, examples: Sequence[Example], log: Journal) -> Rows:
    rows = Rows.encode(task, tutor.encoder, examples)
    cut = f"; {rows.cut} texts are longer than {tutor.encoder.max_length} of its tokens and are cut" if rows.cut else ""
    log.say(f"{tutor.role} reads {len(rows)} rows as its own tokenizer has them{cut}")
    return rows


def _in_common(rows: Rows, owns: Sequence[Rows], log: Journal) -> Rows:
    """A tokenizer may drop a word altogether; what a teacher does not read is not taught."""
    known = np.ones(len(rows.numbers), dtype=bool)
    for own in owns:
        known &= rows.places_in(own) >= 0
    if not known.any():
        raise DataError("the tokenizers of student and teachers keep no item in common; look at the teachers'")
    if lost := int((~known).sum()):
        log.say(f"{lost} of {len(known)} words are dropped by a teacher's tokenizer and left out")
    return rows.with_items(known) if lost else rows

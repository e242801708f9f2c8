"""The examples that a smaller model lost: right before, wrong now, the surest errors first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from limbeck.core.predictions import Predictions
from limbeck.evidence.comparison import Flip, negative_flips
from limbeck.page.findings import Findings
from limbeck.text.port import Example

_TEXT_CHARACTERS = 400
_WORDS = 80


@dataclass(frozen=True)
class Word:
    """A word with its true tag and the tag that it got."""

    text: str
    truth: str
    answer: str

    @property
    def wrong(self) -> bool:
        """Whether the tags differ."""
        return self.truth != self.answer

    @property
    def marked(self) -> bool:
        """Whether there is anything to say of it."""
        return self.wrong or self.truth != "O"


@dataclass(frozen=True)
class Loss:
    """One example, ready to be shown; `words` is empty unless each word has a tag."""

    text: str
    pair: str | None
    words: tuple[Word, ...]
    truth: str
    truth_confidence: float
    answer: str
    answer_confidence: float


@dataclass(frozen=True)
class Losses:
    """What `role` got wrong and `base` right."""

    role: str
    base: str
    lost: int
    gained: int
    shown: tuple[Loss, ...]


def losses(findings: Findings, examples: Sequence[Example], limit: int) -> list[Losses]:
    """For each model that has a baseline, how many examples it lost and gained, and the worst of the lost.

    None of values, which are not right or wrong.
    """
    if findings.answer == "value":
        return []
    return [
        _losses(findings, role, base, examples, limit) for role in findings.roles if (base := findings.against(role))
    ]


def _losses(findings: Findings, role: str, base: str, examples: Sequence[Example], limit: int) -> Losses:
    student, teacher = findings.predictions[role], findings.predictions[base]
    lost, gained = negative_flips(teacher, student, examples), negative_flips(student, teacher, examples)
    shown = tuple(_loss(flip, student, examples[flip.index]) for flip in lost[:limit])
    return Losses(role, base, len(lost), len(gained), shown)


def _loss(flip: Flip, student: Predictions, example: Example) -> Loss:
    begin, end = student.offsets[flip.index : flip.index + 2]
    item = slice(begin + flip.item, begin + flip.item + 1)
    words = tuple(_words(student, example, begin, end)) if isinstance(example.text, list) else ()
    return Loss(
        text="" if words else _cut(str(example.text)),
        pair=None if example.pair is None else _cut(example.pair),
        words=words[max(0, flip.item - _WORDS // 2) :][:_WORDS],
        truth=student.names(student.targets[item])[0],
        truth_confidence=flip.right_confidence,
        answer=student.names(student.answers[item])[0],
        answer_confidence=flip.wrong_confidence,
    )


def _words(student: Predictions, example: Example, begin: int, end: int) -> Iterator[Word]:
    items = slice(begin, end)
    for text, truth, answer in zip(example.text, student.targets[items], student.answers[items], strict=True):
        yield Word(_cut(text, 60), student.labels[truth], student.labels[answer])


def _cut(text: str, characters: int = _TEXT_CHARACTERS) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"

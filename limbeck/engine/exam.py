"""How well a network does on rows that it is not trained on: what decides which of its weights are kept."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from limbeck.core.predictions import Predictions
from limbeck.engine.score import TorchScorer, dev_score, predict_split
from limbeck.nn.model import Model
from limbeck.text.encode import Encoder
from limbeck.text.port import Example, Task


@runtime_checkable
class Exam(Protocol):
    """Rows held out, and what is asked of a network on them."""

    primary: str
    """The score that decides."""

    def scores(self) -> dict[str, float]:
        """Score by name, of the network as it is now."""

    def decides(self, scores: Mapping[str, float | None]) -> float | None:
        """What is compared between epochs, higher is better, and of two equals the later one; None: the last one is.

        Args:
            scores: As `scores` gives them, None where one is not a finite number.
        """


class TaskExam:
    """A task's deciding metric on labelled rows.

    Args:
        model: The network.
        task: What it answers.
        encoder: Characters to token ids.
        dev: The rows.
    """

    def __init__(self, model: Model, task: Task, encoder: Encoder, dev: Sequence[Example]) -> None:
        self.primary = task.primary
        self._scorer, self._task, self._dev = TorchScorer(model, task, encoder), task, dev

    def scores(self) -> dict[str, float]:
        """The deciding metric, by name."""
        return dev_score(self._scorer, self._task, self._dev)

    def decides(self, scores: Mapping[str, float | None]) -> float:
        """The metric; where dev does not define it, as a correlation of answers that are all the same, below any."""
        score = scores[self.primary]
        return -math.inf if score is None else score

    def answers(self) -> Predictions:
        """The network's answers beside the truth."""
        return predict_split(self._scorer, self._task, self._dev)

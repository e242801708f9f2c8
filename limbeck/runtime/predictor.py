"""Answers texts with an ONNX model, without torch or transformers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.predictions import activated
from limbeck.text.encode import Encoder
from limbeck.text.infer import infer
from limbeck.text.port import Example, Task

_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})


class Predictor:
    """A loaded Bundle. Safe to share between threads.

    Args:
        bundle: Where it came from.
        task: What it answers.
        encoder: Characters to token ids.
        session: An onnxruntime session with one output, the logits.
        token_budget: Most padded tokens per batch.
    """

    def __init__(self, bundle: Bundle, task: Task, encoder: Encoder, session: Any, token_budget: int) -> None:
        self.bundle = bundle
        self.task = task
        self._encoder = encoder
        self._session = session
        self._inputs = [x.name for x in session.get_inputs()]
        self._output = session.get_outputs()[0].name
        self._token_budget = token_budget
        if unknown := set(self._inputs) - _INPUTS:
            raise BundleError(f"{bundle.path}: the model wants {sorted(unknown)}; known are {sorted(_INPUTS)}")
        shape = session.get_outputs()[0].shape
        if len(shape) != (3 if task.per_word else 2) or shape[-1] != len(self.labels):
            raise BundleError(
                f"{bundle.path}: the model gives logits {shape}, the Bundle names {len(self.labels)} labels "
                f"{'for each token' if task.per_word else 'for each text'}; export the model again"
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the logits."""
        return self.task.labels

    def predict(self, texts: Any) -> list[dict[str, Any]]:
        """The task's answer for each text: a label or labels with probabilities, a value, or entities with offsets.

        Args:
            texts: One text or a sequence of what the task reads: texts, `(text, pair)` tuples, lists of words.
        """
        given = [texts] if isinstance(texts, str) else list(texts)
        examples = self.task.parse(given)
        scores = self.logits(examples)
        return [
            self.task.respond(text, example, activated(logits, self.task.answer))
            for text, example, logits in zip(given, examples, scores, strict=True)
        ]

    def logits(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """`[items, labels]` for each example, in the order given."""
        return infer(self.task, self._encoder, examples, self._run, self._token_budget)

    def warm_up(self) -> None:
        """Run once, so that the first answer is as fast as the others."""
        self.run_ids(np.ones((1, 8), dtype=np.int64))

    def run_ids(self, ids: np.ndarray) -> np.ndarray:
        """Logits for token ids `[rows, tokens]` without padding, all of the first text."""
        others = {"attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return self._run({"input_ids": ids, **others})

    def _run(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        try:
            logits: np.ndarray = self._session.run([self._output], {name: arrays[name] for name in self._inputs})[0]
        except Exception as error:  # the library's exceptions share no other root
            raise BundleError(f"{self.bundle.path}: the model cannot answer ({error}); export it again") from None
        return logits

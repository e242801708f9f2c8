"""From examples to logits: encode, group, run, put back in order. The same for every format of model."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from limbeck.text.batching import pad, plan_batches
from limbeck.text.encode import Encoder
from limbeck.text.port import Example, Task

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""A model: padded arrays `[batch, seq]` in, logits `[batch, labels]`, or `[batch, seq, labels]` per token, out."""

TOKEN_BUDGET = 4096
"""Most padded tokens per batch unless told otherwise."""
_CHUNK_EXAMPLES = 4096
"""Examples encoded at a time, so that memory does not grow with the length of the list."""
_UNSEEN_LOGIT = 1.0
"""Logit of label 0 for a word that the tokenizer drops; its other logits are 0."""


def infer(
    task: Task, encoder: Encoder, examples: Sequence[Example], run: Run, token_budget: int = TOKEN_BUDGET
) -> list[np.ndarray]:
    """Logits `[items, labels]` of each example, in the order given.

    Args:
        task: Says how an example is encoded and whether each word is an item.
        encoder: Characters to token ids.
        examples: Any number of them; they are encoded a few thousand at a time.
        run: The model.
        token_budget: Most padded tokens per batch.
    """
    answers: list[np.ndarray] = []
    for start in range(0, len(examples), _CHUNK_EXAMPLES):
        answers += _infer_chunk(task, encoder, examples[start : start + _CHUNK_EXAMPLES], run, token_budget)
    return answers


def cut_texts(split: str, task: Task, encoder: Encoder, examples: Sequence[Example]) -> Iterator[str]:
    """A warning of the texts that are longer than the model reads, if there are any."""
    starts = range(0, len(examples), _CHUNK_EXAMPLES)
    encoded = (task.encode(examples[start : start + _CHUNK_EXAMPLES], encoder) for start in starts)
    if cut := sum(any(window.cut for window in windows) for chunk in encoded for windows in chunk):
        yield f"{split}: {cut} of {len(examples)} texts are longer than {encoder.max_length} tokens and are cut"


def _infer_chunk(
    task: Task, encoder: Encoder, examples: Sequence[Example], run: Run, token_budget: int
) -> list[np.ndarray]:
    windows = [(i, w) for i, encoded in enumerate(task.encode(examples, encoder)) for w in encoded]
    answers = [_unseen(len(e.text) if task.per_word else 1, len(task.labels)) for e in examples]
    for batch in plan_batches([len(w) for _, w in windows], token_budget):
        logits = run(pad([windows[k][1] for k in batch], encoder.pad_id))
        for row, k in enumerate(batch):
            example, window = windows[k]
            if task.per_word:
                answers[example][window.words] = logits[row, window.firsts]
            else:
                answers[example][0] = logits[row]
    return answers


def _unseen(items: int, labels: int) -> np.ndarray:
    logits = np.zeros((items, labels), dtype=np.float32)
    logits[:, 0] = _UNSEEN_LOGIT
    return logits

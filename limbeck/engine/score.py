"""Any model Bundle as a Scorer, and a scorer's answers beside the truth."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from limbeck import runtime
from limbeck.core.bundle import Bundle
from limbeck.core.journal import Journal
from limbeck.core.predictions import Predictions, gather
from limbeck.core.shelf import shelf
from limbeck.nn.checkpoint import load_bundle
from limbeck.nn.model import Model, best_device
from limbeck.nn.types import Batch, Reads
from limbeck.text.encode import Encoder
from limbeck.text.infer import TOKEN_BUDGET, infer
from limbeck.text.opening import open_encoder, open_task
from limbeck.text.port import Example, Scorer, Task

_PARALLEL = "TOKENIZERS_PARALLELISM"
_PART_EXAMPLES = 1024
"""Examples between two moves of the progress bar; sorting by length happens within."""


class TorchScorer:
    """A PyTorch model that answers.

    Args:
        model: The model; it is put in eval mode for each call and left as it was.
        task: What it answers.
        encoder: Characters to token ids.
    """

    def __init__(self, model: Model, task: Task, encoder: Encoder) -> None:
        self._model, self._task, self._encoder = model, task, encoder

    def logits(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """`[items, labels]` for each example, in the order given."""
        with answering(self._model), torch.inference_mode():
            return infer(self._task, self._encoder, examples, self._run, TOKEN_BUDGET)

    def _run(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        device = next(self._model.network.parameters()).device
        real = torch.from_numpy(arrays["attention_mask"]).bool()
        lengths, count = real.sum(1), len(real)
        # Of words, every token's logits are given: `infer` picks the first sub-words.
        items = torch.arange(int(lengths.sum())) if self._task.per_word else lengths.cumsum(0) - lengths
        batch = Batch(
            input_ids=torch.from_numpy(arrays["input_ids"])[real].to(device),
            token_type_ids=torch.from_numpy(arrays["token_type_ids"])[real].to(device),
            lengths=tuple(lengths.tolist()),
            targets=torch.full((len(items),), -1, device=device),
            items=items.to(device),
            rows=torch.arange(count),
        )
        logits = self._model.run(batch, Reads(logits=True)).logits
        assert logits is not None
        found = logits.float().cpu()
        if self._task.per_word:
            padded = found.new_zeros(*real.shape, found.shape[-1])
            padded[real] = found
            found = padded
        result: np.ndarray = found.numpy()
        return result


@contextmanager
def answering(model: Model) -> Iterator[None]:
    """Eval mode inside the block."""
    before = model.network.training
    model.network.eval()
    try:
        yield
    finally:
        model.network.train(before)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Another number of threads inside the block, for PyTorch and for the tokenizers; 0 changes nothing."""
    before, parallel = torch.get_num_threads(), os.environ.get(_PARALLEL)
    if threads:
        torch.set_num_threads(threads)
        os.environ[_PARALLEL] = "false" if threads == 1 else "true"
    try:
        yield
    finally:
        torch.set_num_threads(before)
        os.environ.pop(_PARALLEL, None)
        if parallel is not None:
            os.environ[_PARALLEL] = parallel


def open_scorer(bundle: Bundle, threads: int = 0, device: torch.device | None = None) -> Scorer:
    """Load a model Bundle of any format.

    Args:
        bundle: With `model.onnx`, run by onnxruntime, or with PyTorch weights.
        threads: Threads of onnxruntime; 0 takes every core. PyTorch's are the process's: see `torch_threads`.
        device: Where PyTorch runs; the accelerator if there is one.
    """
    if "model.onnx" in bundle.files():
        return runtime.load(bundle.path, threads=threads or None)
    model = load_bundle(bundle)
    model.network.to(device or best_device())
    return TorchScorer(model, open_task(bundle), open_encoder(bundle))


def predict_split(
    scorer: Scorer, task: Task, examples: Sequence[Example], log: Journal | None = None, title: str = ""
) -> Predictions:
    """A model's probabilities beside the true labels.

    Args:
        scorer: The model.
        task: Gives the label names and the targets.
        examples: In any order; kept.
        log: Shows progress if given.
        title: What the bar is called.
    """
    logits: list[np.ndarray] = []
    journal = log or Journal(quiet=True)
    with journal.bar(title, len(examples), "examples") as bar:
        for start in range(0, len(examples), _PART_EXAMPLES):
            part = examples[start : start + _PART_EXAMPLES]
            logits += scorer.logits(part)
            bar.advance(len(part))
    return gather(task.labels, logits, [task.targets(e) for e in examples], task.answer)


def metric_value(name: str, predictions: Predictions) -> float:
    """A metric of the shelf with its default fields."""
    found = shelf("metrics")
    return float(found.build(found.spec(name)()).value(predictions))


def dev_score(scorer: Scorer, task: Task, examples: Sequence[Example]) -> dict[str, float]:
    """The task's deciding metric, by name."""
    return {task.primary: metric_value(task.primary, predict_split(scorer, task, examples))}

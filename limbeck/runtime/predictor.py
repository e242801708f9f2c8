"""Loads an ONNX Bundle and predicts, without torch or transformers."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.core.bundle import Bundle, instruction_sets, is_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.predictions import softmax
from limbeck.runtime.files import check_files, read_model
from limbeck.text.encode import Encoder
from limbeck.text.infer import infer
from limbeck.text.port import Example, Task

TOKEN_BUDGET = 512
"""Most padded tokens per batch unless told otherwise: what fits a core's cache. 4096 is 1.6 times slower."""
_LOG = logging.getLogger(__name__)
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})


def load(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    token_budget: int = TOKEN_BUDGET,
    verify: bool = False,
) -> "Predictor":
    """Load an ONNX Bundle.

    Args:
        path: Directory of a Bundle made by `limbeck export` or `quantize`, or of a whole run of `compress`.
        threads: Processor threads, ≥ 1; None takes every core.
        token_budget: Most padded tokens per batch; less needs less memory.
        verify: Check every hash first, which reads all files once more.

    Raises:
        BundleError: There is no such Bundle, it is damaged or unsafe, or it holds no ONNX model.
    """
    inside = Path(path) / "bundle"
    bundle = open_bundle(inside if not is_bundle(Path(path)) and is_bundle(inside) else path)
    check_files(bundle)
    if verify:
        bundle.verify()
    _warn_of_other_processor(bundle)
    with ThreadPoolExecutor(1) as beside:  # the session takes as long as all the rest, so the two are opened together
        session = beside.submit(_open_session, bundle, threads)
        from limbeck.text.opening import open_encoder, open_task

        task, encoder = open_task(bundle), open_encoder(bundle)
        return Predictor(bundle, task, encoder, session.result(), token_budget)


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
        """The task's answer for each text: a label with probabilities, or entities with offsets.

        Args:
            texts: One text or a sequence of what the task reads: texts, `(text, pair)` tuples, lists of words.
        """
        given = [texts] if isinstance(texts, str) else list(texts)
        examples = self.task.parse(given)
        scores = self.logits(examples)
        return [
            self.task.respond(text, example, softmax(logits.astype(np.float64)))
            for text, example, logits in zip(given, examples, scores, strict=True)
        ]

    def logits(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """`[items, labels]` for each example, in the order given."""
        return infer(self.task, self._encoder, examples, self._run, self._token_budget)

    def warm_up(self) -> None:
        """Run once, so that the first answer is as fast as the others."""
        self._run({name: np.ones((1, 8), dtype=np.int64) for name in _INPUTS})

    def _run(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        logits: np.ndarray = self._session.run([self._output], {name: arrays[name] for name in self._inputs})[0]
        return logits


def _open_session(bundle: Bundle, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or _cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning burns a core between calls
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # its further fusions make these models 5 % slower
    options.graph_optimization_level = level
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(read_model(bundle), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's exceptions share no other root
        raise BundleError(f"{bundle.path}: onnxruntime cannot load the model ({error})") from None


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _warn_of_other_processor(bundle: Bundle) -> None:
    made, here = bundle.facts.get("instruction_sets"), instruction_sets()
    if bundle.facts.get("precision") == "int8" and made is not None and set(made) != set(here):
        _LOG.warning(
            "%s: quantised on a processor with %s, this one has %s; answers may differ slightly: "
            "check with `limbeck evaluate`",
            bundle.path,
            ", ".join(made) or "no int8 instructions",
            ", ".join(here) or "none",
        )

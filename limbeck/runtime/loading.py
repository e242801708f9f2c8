"""Opens an ONNX Bundle for prediction; what takes long is imported beside the opening of the model."""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.core.bundle import Bundle, instruction_sets, is_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.runtime.files import check_files, read_model

if TYPE_CHECKING:
    from limbeck.runtime.predictor import Predictor

TOKEN_BUDGET = 512
"""Most padded tokens per batch unless told otherwise: what fits a core's cache. 4096 is 1.6 times slower."""
_LOG = logging.getLogger(__name__)


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
    import onnxruntime  # noqa: F401  (here, not in the thread: two threads that import numpy at once break it)

    model = read_model(bundle)
    with ThreadPoolExecutor(1) as beside:  # a session is opened without the interpreter, which meanwhile does the rest
        session = beside.submit(_open_session, bundle, model, threads)
        from limbeck.runtime.predictor import Predictor
        from limbeck.text.opening import open_encoder, open_task

        task, encoder = open_task(bundle), open_encoder(bundle)
        predictor = Predictor(bundle, task, encoder, session.result(), token_budget)
    _check_processor(predictor)
    return predictor


def _open_session(bundle: Bundle, model: bytes, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or _cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning burns a core between calls
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # its further fusions make these models 5 % slower
    options.graph_optimization_level = level
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's exceptions share no other root
        raise BundleError(f"{bundle.path}: onnxruntime cannot load the model ({error})") from None


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_processor(predictor: "Predictor") -> None:
    """Of an int8 model, say how its answers differ where the processor has other int8 instructions than its first."""
    facts, here = predictor.bundle.facts, instruction_sets()
    made = facts.get("instruction_sets")
    if facts.get("precision") != "int8" or made is None or set(map(str, made)) == set(here):
        return
    from limbeck.runtime.witness import drift_told

    told, odd = drift_told(predictor)
    _LOG.log(
        logging.WARNING if odd else logging.INFO,
        "%s: quantised on a processor with %s, this one has %s; %s",
        predictor.bundle.path,
        ", ".join(map(str, made)) or "no int8 instructions",
        ", ".join(here) or "none",
        told,
    )

"""Import an old PyTorch checkpoint: weights out of a pickle, without running what is in it, as a Bundle.

The pickle is read by PyTorch's restricted unpickler (`weights_only=True`), which makes tensors and plain values alone.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.files import sha256_file
from limbeck.core.intake import check_entry
from limbeck.core.journal import Journal
from limbeck.core.shelf import shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.checkpoint import check_size, fresh, model_hashes, read_shape, resolve, save_tokenizer, set_labels
from limbeck.nn.model import answer_of, longest_input, tapped
from limbeck.nn.pickles import Fitted, fit_names, read_tensors, some
from limbeck.text.port import Task

_BARE = "AutoModel"
_UNNAMED = "LABEL_"
"""How `transformers` calls labels that nobody named."""


class Spec(CoreSpec):
    """An import."""

    weights: str
    """The checkpoint: a file that `torch.save` wrote of a state dict, or of a dict that holds one; or safetensors."""
    config: str
    """Directory with config.json and tokenizer of the model: that of the checkpoint, or `hf:org/name[@revision]`."""
    task: str = ""
    """Task, a name on the tasks shelf, whose head is kept; empty: the encoder alone, to be fine-tuned."""
    labels: tuple[str, ...] = ()
    """Label names in the order of the logits; empty: those of config.json."""
    pair: str = ""
    """Column of the second text, for tasks on pairs of texts."""
    max_length: int = Field(128, ge=8)
    """Tokens per input that the model was trained for, special tokens included."""


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the checkpoint and of the files beside the configuration."""
    path = _checkpoint(spec)
    return {f"weights/{path.name}": sha256_file(path), **model_hashes(spec.config)}


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the Bundle.

    Args:
        spec: What to import.
        inputs: None.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        RecipeError: There is no such task.
        BundleError: The checkpoint cannot be read safely, or is not of the architecture that config.json describes.
    """
    path, source = _checkpoint(spec), resolve(spec.config)
    config = read_shape(source)
    task = _task(spec, source, config)
    if spec.max_length > (positions := longest_input(config)):
        raise BundleError(
            f"{source}: max_length {spec.max_length} is more than the model's {positions} positions; "
            f"set it to at most {positions}: --set import_checkpoint.max_length={positions}"
        )
    tensors = read_tensors(path)
    check_size(source, config, path.stat().st_size)
    head = task.head if task else _BARE
    with torch.device("meta"):
        fitted = fit_names(tensors, fresh(config, head), str(path))
    _check(fitted, task, path, source)
    network: Any = fresh(config, head)
    network.load_state_dict(dict(fitted.weights), strict=False)
    with create_bundle(out, "import_checkpoint", spec, inputs, outside(spec)) as draft:
        # What was not found is left out rather than saved with the random values that it was made with.
        kept = {name: tensor for name, tensor in network.state_dict().items() if name in fitted.weights}
        network.save_pretrained(draft.path, state_dict=kept)
        save_tokenizer(source, draft.path)
        size = tapped(network, per_word=task is not None and task.per_word).size()
        draft.facts |= {"name": path.name, "max_length": spec.max_length, "dims": size, **_meaning(spec, task)}
        _tell(fitted, path, log)
        draft.facts["warnings"] = log.warnings
    return open_bundle(out)


def _checkpoint(spec: Spec) -> Path:
    path = Path(spec.weights).expanduser()
    if not os.path.lexists(path):
        raise BundleError(f"{path}: no such file; give what torch.save wrote, or safetensors")
    check_entry(path)
    return path


def _task(spec: Spec, source: Path, config: Any) -> Task | None:
    """The task whose head is kept, with its labels written into the configuration."""
    if not spec.task:
        if spec.labels or spec.pair:
            raise RecipeError("import_checkpoint.task: labels and pair are of a head; say of which task it is")
        return None
    fields = {"kind": spec.task, **({"pair": spec.pair} if spec.pair else {})}
    kind = shelf("tasks").parse(fields, "import_checkpoint.task")
    named = [str(config.id2label[i]) for i in sorted(config.id2label)]
    labels = spec.labels or tuple(named)
    if len(set(labels)) < len(labels):
        raise RecipeError(f"import_checkpoint.labels: a name stands twice in {some(labels)}")
    if not spec.labels and all(name.startswith(_UNNAMED) for name in named):
        raise BundleError(f"{source}: config.json does not name the labels; give --labels in the order of the logits")
    task: Task = shelf("tasks").build(kind, labels)
    set_labels(config, labels, task.answer)
    if answer_of(config) != task.answer:
        raise BundleError(f"{spec.task}: {len(labels)} labels cannot be told apart by this task; give all of --labels")
    return task


def _meaning(spec: Spec, task: Task | None) -> dict[str, Any]:
    if task is None:
        return {}
    fields = {"kind": spec.task, **({"pair": spec.pair} if spec.pair else {})}
    return {"task": fields, "labels": list(task.labels)}


def _check(fitted: Fitted, task: Task | None, path: Path, source: Path) -> None:
    """Refuse what does not make the network whole; a pooler that no head reads may be missing."""
    if fitted.misshapen:
        raise BundleError(
            f"{path}: of other shapes than {source / 'config.json'} describes: {some(fitted.misshapen)}; "
            "give the config.json (and the number of labels) that the checkpoint was trained with"
        )
    if needed := [name for name in fitted.missing if task or not name.startswith("pooler.")]:
        raise BundleError(
            f"{path}: missing {some(needed)}; it has besides {some(fitted.unexpected)}. Give the config.json of this "
            f"checkpoint{', or leave --task out to import the encoder alone' if task else ', or one that is whole'}"
        )


def _tell(fitted: Fitted, path: Path, log: Journal) -> None:
    log.say(f"{path.name}: {len(fitted.weights)} tensors, the whole of what config.json describes")
    if fitted.missing:
        log.say(f"missing, and not needed without a head: {some(fitted.missing)}")
    if fitted.unexpected:
        log.warn(f"{path.name}: left out, as the network has no place for it: {some(fitted.unexpected)}")

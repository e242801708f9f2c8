"""Import a checkpoint: a whole model directory, or weights out of an old pickle of which nothing is run, as a Bundle.

A pickle is read by PyTorch's restricted unpickler (`weights_only=True`), which makes tensors and plain values alone.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.files import sha256_file
from limbeck.core.intake import check_entry
from limbeck.core.journal import Journal
from limbeck.core.shelf import shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.admission import weight_files
from limbeck.nn.checkpoint import (
    check_length,
    check_size,
    fresh,
    model_hashes,
    parameters_in,
    read_shape,
    resolve,
    set_labels,
)
from limbeck.nn.model import answer_of, tapped
from limbeck.nn.outlook import Outlook, outlook_of
from limbeck.nn.pickles import Fitted, fit_names, read_tensors, some
from limbeck.nn.tokenizers import save_tokenizer
from limbeck.text.port import Task

_HEADS = {"encoder": "AutoModel", "masked_lm": "AutoModelForMaskedLM"}
_PICKLE = "pytorch_model.bin"
"""What a model directory holds that was saved before there were safetensors."""
_UNNAMED = "LABEL_"
"""How `transformers` calls labels that nobody named."""


class Spec(CoreSpec):
    """An import."""

    weights: str = ""
    """The checkpoint: a file that `torch.save` wrote of a state dict, or of a dict that holds one; or safetensors.
    Empty: the weights that lie beside the configuration."""
    config: str
    """Directory with config.json and tokenizer of the model: that of the checkpoint, `hf:org/name[@revision]`, or
    `minilm-l6`."""
    head: Literal["encoder", "masked_lm"] = "encoder"
    """What is kept where no task is given: the encoder alone, to be fine-tuned, or its masked language model too, which
    gives words back for hidden states."""
    task: str = ""
    """Task, a name on the tasks shelf, whose head is kept; empty: that of `head`."""
    labels: tuple[str, ...] = ()
    """Label names in the order of the logits; empty: those of config.json."""
    pair: str = ""
    """Column of the second text, for tasks on pairs of texts."""
    max_length: int = Field(128, ge=8)
    """Tokens per input that the model was trained for, special tokens included."""


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the checkpoint and of the files beside the configuration."""
    files = _checkpoint(spec)
    return {**{f"weights/{path.name}": sha256_file(path) for path in files}, **model_hashes(spec.config)}


def foresee(spec: Spec, inputs: Mapping[str, Any]) -> Outlook | None:
    """Refuse what cannot be imported before other steps run, and tell what will come of it.

    Args:
        spec: What to import.
        inputs: None.

    Returns:
        The model to come; None where its weights do not lie beside the configuration in a form that can be looked at.

    Raises:
        RecipeError: There is no such task.
        BundleError: There is no such model, or it has fewer positions than `max_length`.
    """
    source = resolve(spec.config)
    _described(spec, source)
    return outlook_of(source, spec.max_length) if any(source.glob("*.safetensors")) else None


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
    files, source = _checkpoint(spec), resolve(spec.config)
    path = files[0] if len(files) == 1 else source
    config, task = _described(spec, source)
    tensors = {name: tensor for file in files for name, tensor in read_tensors(file).items()}
    check_size(source, config, sum(file.stat().st_size for file in files))
    head = task.head if task else _HEADS[spec.head]
    with torch.device("meta"):
        fitted = fit_names(tensors, fresh(config, head), str(path))
    _check(fitted, "--task" if task else "--head" if spec.head != "encoder" else "", path, source)
    network: Any = fresh(config, head)
    network.load_state_dict(dict(fitted.weights), strict=False)
    with create_bundle(out, "import_checkpoint", spec, inputs, outside(spec)) as draft:
        # What was not found is left out rather than saved with the random values that it was made with.
        kept = {name: tensor for name, tensor in network.state_dict().items() if name in fitted.weights}
        network.save_pretrained(draft.path, state_dict=kept)
        save_tokenizer(source, draft.path)
        size = tapped(network if task else network.base_model, per_word=task is not None and task.per_word).size()
        name = Path(spec.weights or spec.config).name
        size["parameters"] = parameters_in(draft.path)
        draft.facts |= {"name": name, "max_length": spec.max_length, "dims": size, **_meaning(spec, task)}
        _tell(fitted, path, log)
        draft.facts["warnings"] = log.warnings
    return open_bundle(out)


def _described(spec: Spec, source: Path) -> tuple[Any, Task | None]:
    """What the configuration tells, and the task whose head is kept."""
    config = read_shape(source)
    task = _task(spec, source, config)
    check_length(source, spec.max_length, "import_checkpoint.max_length")
    return config, task


def _checkpoint(spec: Spec) -> list[Path]:
    """The files that the weights are read from: several where a model directory holds them in parts."""
    if spec.weights:
        path = Path(spec.weights).expanduser()
        if not os.path.lexists(path):
            raise BundleError(f"{path}: no such file; give what torch.save wrote, or safetensors")
        check_entry(path)
        return [path]
    source = resolve(spec.config)
    if (source / _PICKLE).is_file() and not any(source.glob("*.safetensors")):
        return [source / _PICKLE]
    return weight_files(source)


def _task(spec: Spec, source: Path, config: Any) -> Task | None:
    """The task whose head is kept, with its labels written into the configuration."""
    if not spec.task:
        if spec.labels or spec.pair:
            raise RecipeError("import_checkpoint.task: labels and pair are of a head; say of which task it is")
        return None
    if spec.head != "encoder":
        raise RecipeError(
            f"import_checkpoint.head: {spec.head} is kept instead of a task's head; leave one of them out"
        )
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


def _check(fitted: Fitted, flag: str, path: Path, source: Path) -> None:
    """Refuse what does not make the network whole; a pooler that no head reads may be missing.

    Args:
        fitted: What was found.
        flag: That which asks for a head; empty where none is wanted.
        path: The checkpoint.
        source: Where its config.json lies.
    """
    if fitted.misshapen:
        raise BundleError(
            f"{path}: of other shapes than {source / 'config.json'} describes: {some(fitted.misshapen)}; "
            "give the config.json (and the number of labels) that the checkpoint was trained with"
        )
    if needed := [name for name in fitted.missing if flag or not name.startswith("pooler.")]:
        raise BundleError(
            f"{path}: missing {some(needed)}; it has besides {some(fitted.unexpected)}. Give the config.json of this "
            f"checkpoint, or {f'leave {flag} out to import the encoder alone' if flag else 'one that is whole'}"
        )


def _tell(fitted: Fitted, path: Path, log: Journal) -> None:
    log.say(f"{path.name}: {len(fitted.weights)} tensors, the whole of what config.json describes")
    if fitted.missing:
        log.say(f"missing, and not needed without a head: {some(fitted.missing)}")
    if fitted.unexpected:
        log.warn(f"{path.name}: left out, as the network has no place for it: {some(fitted.unexpected)}")

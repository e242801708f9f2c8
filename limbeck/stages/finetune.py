"""Fine-tune a pre-trained model on labelled rows: the teacher. One that has these labels already is kept.

Source of the defaults: BERT, Devlin et al. 2018, arXiv:1810.04805, appendix A.3.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import sha256_file
from limbeck.core.journal import Journal
from limbeck.core.spec import Spec as CoreSpec
from limbeck.engine.loop import Run, Tracked, Training, train
from limbeck.engine.mixture import mix
from limbeck.engine.rows import Rows
from limbeck.engine.seed import seed_all
from limbeck.nn.checkpoint import (
    SOURCES,
    check_length,
    load_network,
    read_config,
    resolve,
    save,
    save_tokenizer,
    set_labels,
)
from limbeck.nn.model import Model, best_device, tapped
from limbeck.objectives.labels import Spec as Labels
from limbeck.text.encode import Encoder
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_task
from limbeck.text.port import Task


class Spec(Training, Tracked):
    """Fine-tuning."""

    model: str = "minilm-l6"
    """What to fine-tune: a directory, `hf:org/name[@revision]`, or `minilm-l6`, which comes with the installation."""
    max_length: int = Field(128, ge=8)
    """Tokens per input, special tokens included; longer texts are cut, longer word sequences read in windows."""
    replace_head: bool = False
    """Whether a head that was trained for other labels may be thrown away."""


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the model's files, which decide the result and stand in no Bundle of the run."""
    folder = resolve(spec.model)
    files = sorted(file for pattern in SOURCES for file in folder.glob(pattern) if file.name != "bundle.json")
    return {file.name: sha256_file(file) for file in files}


def foresee(spec: Spec, makers: Mapping[str, CoreSpec]) -> None:
    """Refuse a model that cannot be used before any data is read.

    Args:
        spec: What is wanted.
        makers: Role → fields of the step that will make that input; not looked at.

    Raises:
        BundleError: There is no such model, or it has fewer positions than `max_length`.
    """
    source = resolve(spec.model)
    check_length(source, read_config(source), spec.max_length)


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the teacher.

    Args:
        spec: How.
        inputs: `data`, made by `prepare`.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        BundleError: The model cannot be used, or its head answers with other labels.
    """
    data = inputs["data"]
    source = resolve(spec.model)
    config = read_config(source)
    check_length(source, config, spec.max_length)
    task = open_task(data)
    kept = _has_head(source, config, task, spec)
    seed_all(spec.seed)
    with create_bundle(out, "finetune", spec, inputs, outside(spec)) as draft:
        save_tokenizer(source, draft.path)
        encoder = Encoder.read(draft.path / "tokenizer.json", spec.max_length)
        network = load_network(source, task.head, None if kept else task.labels)
        model = tapped(network, per_word=task.per_word)
        model.network.to(best_device())
        if kept:
            log.say(f"{spec.model} answers with these labels already: it is not fine-tuned again")
            _reorder_labels(model, task.labels)
            history: list[dict[str, Any]] = []
        else:
            history = _train(spec, model, task, encoder, data, out, log)
        save(model, draft.path)
        draft.facts |= {
            "name": spec.model,
            "task": data.facts["task"],
            "labels": list(task.labels),
            "max_length": spec.max_length,
            "dims": model.size(),
            "history": history,
        }
    return open_bundle(out)


def _has_head(source: Path, config: Any, task: Task, spec: Spec) -> bool:
    wanted = task.head.removeprefix("AutoModel")
    if not any(name.endswith(wanted) for name in config.architectures or ()):
        return False
    found = [str(config.id2label[i]) for i in sorted(config.id2label)]
    if set(found) == set(task.labels):
        return True
    if spec.replace_head:
        return False
    raise BundleError(
        f"{source}: its head answers with {', '.join(found)}; the data has {', '.join(task.labels)}. If they mean the "
        "same, write the data's names into id2label of its config.json; to train a new head instead: "
        "--set finetune.replace_head=true"
    )


def _reorder_labels(model: Model, labels: tuple[str, ...]) -> None:
    """Bring the rows of the classifier into the order of the data's labels."""
    classifier = model.parts.classifier
    assert classifier is not None
    now = [str(model.config.id2label[i]) for i in range(len(labels))]
    order = [now.index(label) for label in labels]
    with torch.no_grad():
        classifier.weight.copy_(classifier.weight[order].clone())
        classifier.bias.copy_(classifier.bias[order].clone())
    set_labels(model.config, labels)


def _train(
    spec: Spec, model: Model, task: Task, encoder: Encoder, data: Bundle, out: Path, log: Journal
) -> list[dict[str, Any]]:
    examples = read_examples(data, "train", labelled=True)
    rows = Rows.encode(task, encoder, examples)
    if rows.cut:
        log.warn(f"{rows.cut} of {len(rows)} training texts are longer than {spec.max_length} tokens and are cut")
    windows = f" in {len(rows)} windows of {spec.max_length} tokens" if len(rows) > len(examples) else ""
    log.say(
        f"fine-tuning {spec.model} ({model.parameter_count() / 1e6:.1f} M parameters) on {len(examples)} rows{windows}"
    )
    shared = Run(spec, model, task, encoder, read_examples(data, "dev", labelled=True), log, out.parent)
    history = train(mix(model, [Labels()], model.dims), rows, None, spec, shared, "finetune")
    shared.keep_best()
    return history

"""Fine-tune a pre-trained model on labelled rows: the teacher. One that has these labels already is kept.

Source of the defaults: BERT, Devlin et al. 2018, arXiv:1810.04805, appendix A.3.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.journal import Journal
from limbeck.core.spec import Read
from limbeck.engine.course import Passes
from limbeck.engine.exam import TaskExam
from limbeck.engine.guards import judge_history, judge_teacher
from limbeck.engine.loop import train
from limbeck.engine.mixture import mix
from limbeck.engine.rows import Rows
from limbeck.engine.run import Run
from limbeck.engine.seed import seed_all
from limbeck.engine.training import Tracked, Training
from limbeck.nn.checkpoint import (
    check_length,
    load_network,
    model_hashes,
    read_config,
    resolve,
    save,
)
from limbeck.nn.heads import answers_alike, answers_told, head_labels, meet_values, order_labels
from limbeck.nn.model import answer_of, best_device, tapped
from limbeck.nn.outlook import Outlook, outlook_of
from limbeck.nn.tokenizers import read_tokenizer, save_tokenizer
from limbeck.objectives.labels import Spec as Labels
from limbeck.text.encode import Encoder
from limbeck.text.examples import read_examples
from limbeck.text.infer import cut_texts
from limbeck.text.opening import open_task
from limbeck.text.port import Task

TOGETHER = True
"""Several processes train together."""


def _rates(value: Any) -> float | tuple[float, ...] | None:
    """A rate, or several different ones, or none.

    Raises:
        RecipeError: It is none of these.
    """
    if value is None:
        return None
    several = isinstance(value, list | tuple)
    try:
        rates = tuple(math.nan if isinstance(rate, bool) else float(rate) for rate in (value if several else [value]))
    except (TypeError, ValueError):
        rates = ()
    if not rates or not all(0 < rate < math.inf for rate in rates) or len(set(rates)) < len(rates):
        raise RecipeError("give a finite number > 0, or a list of different ones, as [5.0e-5, 2.0e-4]")
    return rates if several else rates[0]


def _plain_rates(rates: float | tuple[float, ...] | None) -> float | list[float] | None:
    return list(rates) if isinstance(rates, tuple) else rates


class Spec(Training, Tracked):
    """Fine-tuning."""

    model: str = "minilm-l6"
    """What to fine-tune: a directory, `hf:org/name[@revision]`, or `minilm-l6`, which comes with the installation."""
    max_length: int = Field(128, ge=8)
    """Tokens per input, special tokens included; longer texts are cut, longer word sequences read in windows."""
    # wider than a phase's, which has a single one
    learning_rate: Annotated[float | tuple[float, ...] | None, Read(_rates, _plain_rates, "float or list", "> 0")] = (
        None  # type: ignore[assignment]
    )
    """Peak rate of AdamW. null: 5e-5 for a network 768 wide, as BERT-base, and inversely to the width for others, so
    1e-4 for one 384 wide. Of several, each is tried from the same beginning, and the weights that are best on dev are
    kept: so BERT's fine-tuning takes one of 2e-5, 3e-5 and 5e-5."""
    replace_head: bool = False
    """Whether a head that has been trained, for these labels or others, is thrown away and a new one trained."""


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the model's files."""
    return model_hashes(spec.model)


def foresee(spec: Spec, inputs: Mapping[str, Any]) -> Outlook:
    """Refuse a model that cannot be used before any data is read; tell what will come of one that can.

    Args:
        spec: What is wanted.
        inputs: What is known of the inputs; not looked at.

    Raises:
        BundleError: There is no such model, it has no tokenizer, or fewer positions than `max_length`.
    """
    source = resolve(spec.model)
    check_length(source, spec.max_length)
    read_tokenizer(source)
    return outlook_of(source, spec.max_length)


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
    check_length(source, spec.max_length)
    task = open_task(data)
    kept = _has_head(source, config, task, spec)
    seed_all(spec.seed)
    with create_bundle(out, "finetune", spec, inputs, outside(spec)) as draft:
        save_tokenizer(source, draft.path)
        encoder = Encoder.read(draft.path / "tokenizer.json", spec.max_length)
        network = load_network(source, task.head, None if kept else task.labels, task.answer)
        model = tapped(network, per_word=task.per_word)
        model.network.to(best_device())
        dev = read_examples(data, "dev", labelled=True)
        log.warn_all(cut_texts("dev", task, encoder, dev))
        exam = TaskExam(model, task, encoder, dev)
        shared = Run.open(spec, model, exam, log, out, draft.origin["step_hash"])
        history: list[dict[str, Any]] = []
        if kept:
            log.say(f"{spec.model} answers with these labels already: it is not fine-tuned again")
            order_labels(model, head_labels(config, task.head) or (), task.labels)
        else:
            history = _train(spec, data, shared, task, encoder)
        log.warn_all(judge_history(history, task.primary))
        log.warn_all(judge_teacher(exam.answers(), task, "fine-tuned model"))
        save(model, draft.path)
        draft.facts |= {
            "name": spec.model,
            "task": data.facts["task"],
            "labels": list(task.labels),
            "max_length": spec.max_length,
            "dims": model.size(),
            "history": history,
            "warnings": log.warnings,
        }
    return open_bundle(out)


def _has_head(source: Path, config: Any, task: Task, spec: Spec) -> bool:
    found = head_labels(config, task.head)
    if found is None or spec.replace_head:
        return False
    if answers_alike(answer_of(config), found, task.answer, task.labels):
        return True
    raise BundleError(
        f"{source}: its head answers with {answers_told(answer_of(config), found)}; the data has "
        f"{answers_told(task.answer, task.labels)}. If they mean the same, "
        "write the data's names into id2label of its config.json; to train a new head instead: "
        "--set finetune.replace_head=true"
    )


def _train(spec: Spec, data: Bundle, shared: Run, task: Task, encoder: Encoder) -> list[dict[str, Any]]:
    model, log = shared.model, shared.log
    examples = read_examples(data, "train", labelled=True)
    rows = Rows.encode(task, encoder, examples)
    if rows.cut:
        log.warn(f"train: {rows.cut} of {len(rows)} texts are longer than {spec.max_length} tokens and are cut")
    windows = f" in {len(rows)} windows of {spec.max_length} tokens" if len(rows) > len(examples) else ""
    if task.answer == "value":
        meet_values(model, [e.target for e in examples])
    rates = spec.learning_rate if isinstance(spec.learning_rate, tuple) else (spec.rate(model.dims.hidden),)
    log.say(
        f"fine-tuning {spec.model} ({model.parameter_count() / 1e6:.1f} M parameters) on {len(examples)} rows{windows} "
        f"at a rate of {' and of '.join(f'{rate:g}' for rate in rates)}"
    )
    history = _try_rates(spec, rates, rows, shared)
    shared.keep_best()
    return history


def _try_rates(spec: Spec, rates: tuple[float, ...], rows: Rows, shared: Run) -> list[dict[str, Any]]:
    """Train with each rate, always from the same weights; one phase of the history each."""
    network, several = shared.model.network, isinstance(spec.learning_rate, tuple)
    start = {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items() if several}
    history: list[dict[str, Any]] = []
    for rate in rates:
        if several:
            network.load_state_dict(start)
        mixture = mix(shared.model, [Labels()], shared.model.dims)
        course = Passes(rows, spec.passes(len(rows)), spec.batch_size, spec.seed)
        phase = f"finetune {rate}" if several else "finetune"
        history += train(mixture, course, None, spec.model_copy(update={"learning_rate": rate}), shared, phase)
    return history

"""Probes pre-trained encoders: each is fine-tuned in the same way on the same data sets, over seeds, and scored.

So general students are compared, which know no task of their own (GLUE, Wang et al. 2019, arXiv:1804.07461).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from limbeck.comparison import Plan, labelled, metrics_of, rows_of
from limbeck.contest import Comparison, Contest
from limbeck.core.journal import Journal
from limbeck.core.recipe import find_recipe

RECIPE = "probe"
"""The recipe that comes with Limbeck for it."""


def probe(
    models: str | Path | Sequence[str | Path],
    *,
    data: str | Path | Sequence[str | Path],
    out: str | Path = "probe",
    seeds: Sequence[int] = (0, 1, 2),
    dev: str | Path | None = None,
    test: str | Path | None = None,
    task: str | None = None,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    encoding: str | None = None,
    precision: str | None = None,
    strict: bool = False,
    metric: str | Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
    log: Journal | None = None,
) -> Comparison:
    """Fine-tune each model on each data set with each seed, as the recipe `probe` says, and compare what comes out.

    Args:
        models: Directories, Bundles of an encoder or of a masked language model, `hf:org/name[@revision]`, or
            `minilm-l6`; `NAME=MODEL` gives one another name. A head that a model has is thrown away.
        data: A file or folder of rows, or several; `NAME=DATA` gives one another name.
        out: The probe's directory; one that is there is continued.
        seeds: Of the runs. Where no rows to measure on (or to choose by) are given, each seed also splits anew.
        dev: Rows to choose the best weights by; of several data sets they lie beside the rows to train on.
        test: Rows to measure on; likewise.
        task: A task of the shelf; this and what follows is detected if not given, and for all data sets if given.
        text: Column of the text or the words.
        pair: Column of the second text.
        label: Column of the label or the tags.
        encoding: The files' encoding.
        precision: Of all training: `fp32`, `bf16` (faster on GPUs and many CPUs) or `fp16`; the recipe's if not given.
        strict: Stop at a damaged checkpoint, rather than go on from the one before.
        metric: A metric of the shelf that the task is measured by, to be shown instead of the task's own; or one for
            each data set by its name.
        settings: `step.field=value` texts, as `finetune.epochs=3`.
        log: Where progress goes; standard error if not given.

    Raises:
        LimbeckError: Something that the user can mend, or no run at all was finished.
    """
    columns = {"task": task, "text": text, "pair": pair, "label": label, "encoding": encoding}
    plan = Plan(rows_of(data, dev, test, columns), precision=precision, strict=strict, settings=settings)
    references = [models] if isinstance(models, str | Path) else models
    named, path = labelled(references, "encoder", "MODEL", _plain_name), find_recipe(RECIPE)
    runs = plan.runs({name: (path, model) for name, model in named.items()}, seeds, "encoder")
    return Contest(runs, "encoder", "probe", metrics_of(metric)).run(Path(out), log or Journal())


def _plain_name(model: str) -> str:
    """What a model is called by its reference.

    >>> _plain_name("hf:google/bert_uncased_L-4_H-256_A-4@main"), _plain_name("runs/general/student/")
    ('bert_uncased_L-4_H-256_A-4', 'student')
    """
    if model.startswith("hf:"):
        return model.removeprefix("hf:").partition("@")[0].rpartition("/")[2]
    return Path(model).expanduser().resolve().name

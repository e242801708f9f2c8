"""The stages as Python functions, one for each file of `limbeck/stages`, with that stage's fields as typed keywords."""

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from limbeck import execution, pipeline
from limbeck.core.bundle import Bundle
from limbeck.core.errors import RecipeError
from limbeck.core.journal import Journal
from limbeck.core.spec import Spec, describe

ROLES: Mapping[str, tuple[str, ...]] = {
    "prepare": (),
    "import_checkpoint": (),
    "tokenizer": (),
    "tokenize": (),
    "augment": ("data",),
    "finetune": ("data",),
    "pretrain": ("corpus",),
    "distil": ("teacher",),
    "export": ("model",),
    "quantize": ("model", "data"),
    "evaluate": ("data",),
    "benchmark": ("data",),
    "package": ("model", "evaluation"),
    "report": (),
}
"""The inputs that a stage cannot do without."""
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "augment": ("teacher",),
    "pretrain": ("tokenizer",),
    "distil": ("data", "corpus"),
    "report": ("data", "evaluation", "corpus"),
}
"""The inputs that a stage can do without."""
_MORE: Mapping[str, str] = {
    "distil": r"teacher_\d+",
    **dict.fromkeys(("evaluate", "benchmark", "package", "report"), ".+"),
}
"""Stages that take models under other names besides, and which names those are."""


def stage_function(name: str) -> Callable[..., Bundle]:
    """The function of a stage.

    Its keywords are the stage's inputs, each a Bundle or the path of one (`data` may be a file of rows), the fields of
    its Spec, `out`, the directory to be made, and `log`.
    """
    spec: type[Spec] = execution.load_stage(name).Spec
    roles, optional = ROLES[name], OPTIONAL.get(name, ())

    def function(*, out: str | Path, log: Journal | None = None, **keywords: Any) -> Bundle:
        if missing := [role for role in roles if role not in keywords]:
            raise RecipeError(f"{name}: missing {', '.join(missing)}; it needs {', '.join(roles)}")
        keywords = {k: v for k, v in keywords.items() if v is not None or k not in optional}
        inputs = {k: v for k, v in keywords.items() if _is_input(name, k, v)}
        fields = {k: str(v) if isinstance(v, Path) else v for k, v in keywords.items() if k not in inputs}
        return pipeline.run_stage(name, inputs, fields, Path(out), (), log or Journal())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _docstring(name, spec, (*roles, *optional))
    function.__signature__ = _signature(spec, roles, optional, models=name in _MORE)  # type: ignore[attr-defined]
    return function


def _is_input(stage: str, keyword: str, value: Any) -> bool:
    """Whether a keyword names an input; what is neither is a field, and the Spec says if it is none of its own."""
    if keyword in (*ROLES[stage], *OPTIONAL.get(stage, ())):
        return True
    if keyword in execution.load_stage(stage).Spec.model_fields:
        return isinstance(value, Bundle)
    named = re.fullmatch(_MORE.get(stage, ""), keyword) is not None
    return isinstance(value, Bundle | Path) or (named and isinstance(value, str))


def _signature(
    spec: type[Spec], roles: tuple[str, ...], optional: tuple[str, ...], *, models: bool
) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    inputs = [inspect.Parameter(role, keyword, annotation=Bundle | str | Path) for role in roles]
    inputs += [inspect.Parameter(r, keyword, default=None, annotation=Bundle | str | Path | None) for r in optional]
    fields = [
        inspect.Parameter(
            key,
            keyword,
            default=inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True),
            annotation=field.annotation,
        )
        for key, field in spec.model_fields.items()
        if key not in roles
    ]
    ends = [
        inspect.Parameter("out", keyword, annotation=str | Path),
        inspect.Parameter("log", keyword, default=None, annotation=Journal | None),
    ]
    if models:
        ends.append(inspect.Parameter("models", inspect.Parameter.VAR_KEYWORD, annotation=Bundle | str | Path))
    return inspect.Signature([*inputs, *fields, *ends], return_annotation=Bundle)


def _docstring(name: str, spec: type[Spec], roles: tuple[str, ...]) -> str:
    purpose = (execution.load_stage(name).__doc__ or "").partition("\n\n")[0]
    inputs = [f"    {role}: A Bundle or the path of one." for role in roles]
    fields = [f"    {f.name}: {' '.join(f.meaning.split())}" for f in describe(spec)]
    return "\n".join([purpose, "", "Args:", *inputs, *fields, "    out: Directory to be made.", "    log: Progress."])

"""What models that were trained on raw text are worth, as their Bundles tell it: scores on documents held out, costs."""

from collections.abc import Iterable, Mapping
from typing import Any

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement
from limbeck.evidence.costs import model_costs
from limbeck.evidence.table import Rows, rows

SHARES = ("accuracy", "top_5", "pair_accuracy", "replaced_accuracy")
"""Scores that are shares of right answers: of hidden words, these among the five likeliest, of pairs, of tokens."""
LOSS = "loss"


def is_from_text(bundle: Bundle) -> bool:
    """Whether it is a model that was trained on raw text."""
    return isinstance(bundle.facts.get("corpus"), dict) and "history" in bundle.facts


def held_out(bundle: Bundle) -> Mapping[str, float]:
    """The scores at the end of its training, by name; none of a model that needed no training."""
    history = bundle.facts.get("history") or [{}]
    scores: Mapping[str, float] = history[-1].get("dev") or {}
    return scores


def measured(role: str, bundle: Bundle) -> list[Measurement]:
    """Scores on documents held out, as many as `n`, and what the model and its training cost.

    A loss is the sum of its terms as the recipe weighs them, its unit therefore `loss`; shares are fractions. Time is that
    of all steps and of the looks at documents held out between them.
    """
    documents = int(bundle.facts.get("corpus", {}).get("dev_documents", 0)) if is_from_text(bundle) else 0
    scores = [
        Measurement(role, name, value, "fraction" if name in SHARES else LOSS, "dev", documents)
        for name, value in (held_out(bundle) if is_from_text(bundle) else {}).items()
    ]
    return [*scores, *model_costs(role, bundle), *_spent(role, bundle.facts.get("history") or [])]


def _spent(role: str, history: Iterable[Mapping[str, Any]]) -> Iterable[Measurement]:
    steps, tokens, seconds = (sum(record.get(name, 0) for record in history) for name in ("steps", "tokens", "seconds"))
    if seconds:
        yield Measurement(role, "training_seconds", seconds, "s")
    if steps:
        yield Measurement(role, "training_steps", steps, "steps")
    if tokens:
        yield Measurement(role, "training_tokens", tokens, "tokens")
    if tokens and seconds:
        yield Measurement(role, "training_speed", tokens / seconds, "tokens/s")


def text_rows(measurements: Iterable[Measurement], roles: Iterable[str]) -> Rows:
    """The table of these models: parameters, size, scores on documents held out, time."""
    return rows(list(measurements), list(roles), *SHARES, LOSS)

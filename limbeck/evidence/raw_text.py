"""What models that were trained on raw text are worth, as their facts tell it: scores on documents held out, costs."""

from collections.abc import Iterable, Mapping
from typing import Any

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement
from limbeck.evidence.costs import model_costs
from limbeck.evidence.table import Rows, parameters_text, rows, score_text

SHARES = ("accuracy", "top_5", "pair_accuracy", "replaced_accuracy", "replaced_precision", "replaced_recall")
"""Scores that are shares of right answers: of hidden words, these among the five likeliest, of pairs, of tokens, of
those that are called replaced, of those that are."""
LOSS = "loss"
_ANSWERS = {
    "accuracy": "guesses {} % of the hidden words",
    "pair_accuracy": "is right about {} % of the pairs of texts",
    "replaced_accuracy": "is right about {} % of the tokens, replaced or not",
    "replaced_recall": "finds {} % of those that were",
}
_MEANINGS = {
    "accuracy": "Accuracy: percent of the hidden words that are guessed.",
    "top_5": "Top 5: percent of them that are among the five likeliest.",
    "pair_accuracy": "Pair accuracy: percent of the pairs of texts of which it is known how they belong together.",
    "replaced_accuracy": "Replaced accuracy: percent of the tokens of which it is known whether they were replaced.",
    "replaced_precision": "Replaced precision: percent of the tokens called replaced that were.",
    "replaced_recall": "Replaced recall: percent of the replaced tokens that were called so. What calls none so has 0, "
    "and yet a high accuracy, as most tokens are not replaced.",
    LOSS: "Loss: the weighted sum of what was trained, so that only models with the same objectives compare.",
}


def is_from_text(bundle: Bundle) -> bool:
    """Whether it is a model that was trained on raw text."""
    return isinstance(bundle.facts.get("corpus"), dict) and "history" in bundle.facts


def held_out(facts: Mapping[str, Any]) -> Mapping[str, float]:
    """The scores at the end of a model's training, by name; none of one that needed no training."""
    history = facts.get("history") or [{}]
    found: Mapping[str, float] = history[-1].get("dev") or {}
    return found


def scores(role: str, facts: Mapping[str, Any]) -> list[Measurement]:
    """Scores on documents held out, as many as `n`.

    A loss is the sum of its terms as the recipe weighs them, its unit therefore `loss`; shares are fractions.
    """
    documents = int(facts["corpus"].get("dev_documents", 0))
    return [
        Measurement(role, name, value, "fraction" if name in SHARES else LOSS, "dev", documents)
        for name, value in held_out(facts).items()
    ]


def measured(role: str, bundle: Bundle) -> list[Measurement]:
    """Scores, and what the model and its training cost; of one that was not trained on raw text, its costs alone.

    Time is that of all steps and of the looks at documents held out between them.
    """
    if not is_from_text(bundle):
        return model_costs(role, bundle)
    return [*scores(role, bundle.facts), *model_costs(role, bundle), *_spent(role, bundle.facts["history"])]


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


def answers(role: str, facts: Mapping[str, Any]) -> str:
    """What a model answers about documents held out, in a sentence for everybody."""
    found = {m.metric: m for m in scores(role, facts)}
    told = [text.format(f"{100 * found[name].value:.1f}") for name, text in _ANSWERS.items() if name in found]
    does = " and ".join(told) or (f"has a loss of {score_text(found[LOSS])}" if LOSS in found else "was not examined")
    documents, dims = int(facts["corpus"].get("dev_documents", 0)), facts.get("dims") or {}
    counted = f"{documents:,} documents" if documents else "documents"
    size = f" of {parameters_text(dims['parameters'])} parameters" if "parameters" in dims else ""
    return f"On {counted} that were held out, the {role}{size} {does}."


def meanings(metrics: Iterable[str]) -> list[str]:
    """What these scores are, in sentences."""
    there = set(metrics)
    return [meaning for name, meaning in _MEANINGS.items() if name in there]


def text_rows(measurements: Iterable[Measurement], roles: Iterable[str]) -> Rows:
    """The table of these models: parameters, size, scores on documents held out, time."""
    return rows(list(measurements), list(roles), *SHARES, LOSS)

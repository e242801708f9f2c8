"""Models that learnt from raw text: how their losses and scores went, phase by phase, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from typing import Any

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.measurement import Measurement, find
from limbeck.evidence.raw_text import LOSS, SHARES, held_out, is_from_text, measured, text_rows
from limbeck.evidence.table import MISSING, Rows, metric_name, parameters_text, score_text, seconds_text
from limbeck.page import plots
from limbeck.page.figures import Figure

_ANSWERS = {
    "accuracy": "guesses {} % of the hidden words",
    "pair_accuracy": "is right about {} % of the pairs of texts",
    "replaced_accuracy": "is right about {} % of the tokens, replaced or not",
}
_TRAINING, _HELD_OUT = "training", "held out"
_HEADS = ("phase", "steps", "tokens", "loss", "held out", "time", "tokens/s")


@dataclass(frozen=True)
class Schooling:
    """How one model was trained.

    Attributes:
        role: Which one.
        told: In a sentence.
        phases: A row for each phase, and their heads.
        figures: Losses and scores over steps.
    """

    role: str
    told: str
    phases: Rows
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Learnt:
    """The models of a run over raw text.

    Attributes:
        bundles: Role → each Bundle that the report is given.
    """

    bundles: Mapping[str, Bundle]

    @classmethod
    def of(cls, inputs: Mapping[str, Bundle]) -> "Learnt":
        """Take them from a stage's inputs.

        Raises:
            BundleError: None of them was trained on raw text, or none on the corpus that is given.
        """
        found = cls(inputs)
        if not found.trained:
            raise BundleError(
                "neither an evaluation nor a model trained on raw text is among the inputs "
                f"({', '.join(inputs) or 'there are none'}); run `limbeck evaluate` and give its Bundle with the data, or "
                "give what `limbeck pretrain` or a `limbeck distil` over a corpus made"
            )
        corpus = inputs.get("corpus")
        read = [b.manifest["parents"].get("corpus", {}).get("digest") for b in found.trained.values()]
        if corpus is not None and corpus.digest not in read:
            raise BundleError(
                f"report.from.corpus: {corpus.path} is not what {', '.join(found.trained)} learnt from; give that one, or "
                "leave it out"
            )
        return found

    @property
    def trained(self) -> dict[str, Bundle]:
        """Those that were trained on raw text."""
        return {role: bundle for role, bundle in self.bundles.items() if is_from_text(bundle)}

    @property
    def roles(self) -> list[str]:
        """All models, teachers too, in the order in which they stand everywhere."""
        return [role for role, bundle in self.bundles.items() if bundle.facts.get("dims")]

    @property
    def newest(self) -> Bundle:
        """The model that the run was for: the last one."""
        return list(self.trained.values())[-1]

    @property
    def corpus(self) -> Mapping[str, Any]:
        """What is known of the text."""
        facts: Mapping[str, Any] = (self.bundles["corpus"] if "corpus" in self.bundles else self.newest).facts
        return facts if "corpus" in self.bundles else facts["corpus"]

    @cached_property
    def measurements(self) -> list[Measurement]:
        """Every number of every model."""
        return [m for role in self.roles for m in measured(role, self.bundles[role])]

    def table(self) -> Rows:
        """The table of models."""
        return text_rows(self.measurements, self.roles)

    def corpus_told(self) -> dict[str, str]:
        """What is known of the text, by name, for people."""
        facts = self.corpus
        counts = {name: f"{facts[name]:,}" for name in ("documents", "sentences", "tokens", "lines") if name in facts}
        for name in ("documents", "tokens"):
            if name in counts and f"dev_{name}" in facts:
                counts[name] += f"; held out besides: {facts[f'dev_{name}']:,}"
        if "lines" in counts:
            counts["lines"] += (
                f"; {facts['broken_lines']:,} broken and left out, {facts['cut_lines']:,} too long and cut"
            )
        if "mean_sentence_tokens" in facts:
            counts["a sentence"] = f"{facts['mean_sentence_tokens']} tokens in the mean"
        if "vocabulary" in facts:
            unknown = (
                f"; {100 * facts['unknown_fraction']:.2g} % are unknown to it" if "unknown_fraction" in facts else ""
            )
            counts["vocabulary"] = f"{facts['vocabulary']:,} tokens{unknown}"
        return counts

    def headline(self) -> list[str]:
        """What came of it, in sentences for everybody."""
        role, bundle = list(self.trained.items())[-1]
        documents = int(bundle.facts["corpus"].get("dev_documents", 0))
        counted = f"{documents:,} documents" if documents else "documents"
        parameters = find(self.measurements, role, "parameters")
        size = f" of {parameters_text(parameters.value)} parameters" if parameters else ""
        told = self._told(role, bundle)
        return [f"On {counted} that were held out, the {role}{size} {self._answers(role)}.", *([told] if told else [])]

    def _answers(self, role: str) -> str:
        scores, loss = held_out(self.trained[role]), find(self.measurements, role, LOSS)
        found = [told.format(f"{100 * scores[name]:.1f}") for name, told in _ANSWERS.items() if name in scores]
        return " and ".join(found) or (f"has a loss of {score_text(loss)}" if loss else "was not examined")

    def schoolings(self) -> list[Schooling]:
        """How each model was trained."""
        return [
            Schooling(role, self._told(role, bundle), _phase_rows(history), tuple(_figures(role, history)))
            for role, bundle in self.trained.items()
            if (history := bundle.facts["history"])
        ]

    def _told(self, role: str, bundle: Bundle) -> str:
        """The training in a sentence; empty if there was none."""
        spent = {m.metric.removeprefix("training_"): m.value for m in measured(role, bundle)}
        if "seconds" not in spent:
            return ""
        where = f" in {spent['steps']:,.0f} steps" if "steps" in spent else ""
        if "tokens" in spent and (corpus := bundle.facts["corpus"].get("tokens")):
            where += f" over {_millions(spent['tokens'])} tokens, {spent['tokens'] / corpus:.2g} times the corpus,"
        return f"The {role} was trained{where} in {seconds_text(spent['seconds'])}."

    def scores_told(self) -> list[str]:
        """What the scores are that these models have."""
        meanings = {
            "accuracy": "Accuracy: percent of the hidden words that are guessed.",
            "top_5": "Top 5: percent of them that are among the five likeliest.",
            "pair_accuracy": "Pair accuracy: percent of the pairs of texts of which it is known how they belong together.",
            "replaced_accuracy": "Replaced accuracy: percent of the tokens of which it is known whether they were replaced.",
            LOSS: "Loss: the weighted sum of what was trained, so that only models with the same objectives compare.",
        }
        there = {m.metric for m in self.measurements}
        return [meaning for name, meaning in meanings.items() if name in there]


def _millions(tokens: float) -> str:
    return f"{tokens / 1e6:,.1f} M" if tokens >= 1e6 else f"{tokens:,.0f}"


def _phase_rows(history: Sequence[Mapping[str, Any]]) -> Rows:
    """Each phase with what it took, and its losses at its end."""
    rows: Rows = [_HEADS]
    for name, found in groupby(history, lambda record: record.get("phase")):
        records = list(found)
        steps, tokens, seconds = (sum(r.get(part, 0) for r in records) for part in ("steps", "tokens", "seconds"))
        losses = (records[-1].get("loss"), (records[-1].get("dev") or {}).get(LOSS))
        rows.append(
            (
                _phase_name(name),
                f"{steps:,}" if steps else MISSING,
                _millions(tokens) if tokens else MISSING,
                *(f"{loss:.4g}" if loss is not None else MISSING for loss in losses),
                seconds_text(seconds),
                f"{tokens / seconds:,.0f}" if tokens and seconds else MISSING,
            )
        )
    return rows


def _phase_name(phase: object) -> str:
    """A phase without the name of its stage.

    >>> _phase_name("pretrain 2 long"), _phase_name("distil 1")
    ('2 long', '1')
    """
    return str(phase).partition(" ")[2] or str(phase)


def _figures(role: str, history: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    """The loss and each of its terms, training and held out, then the shares of right answers.

    Bundles of older code do not tell the steps between two looks at documents held out: there the looks are counted.
    """
    unit = "steps" if all("steps" in record for record in history) else "looks at documents held out"
    ends = list(accumulate(record.get("steps", 1) for record in history))
    begins = [0, *ends[:-1]]
    phases = [
        (float(begins[at]), _phase_name(record.get("phase")))
        for at, record in enumerate(history)
        if not at or record.get("phase") != history[at - 1].get("phase")
    ]
    terms = list(dict.fromkeys(name for record in history for name in record.get("terms", {})))
    for name in (LOSS, *(terms if len(terms) > 1 else ())):
        lines = {
            _TRAINING: _line(ends, [_trained(record, name) for record in history]),
            _HELD_OUT: _line(ends, [_examined(record, name) for record in history]),
        }
        if lines := {key: line for key, line in lines.items() if line}:
            title = f"Loss: {role}" if name == LOSS else f"Loss of {metric_name(name)}: {role}"
            yield plots.step_curves(title, (unit, "loss"), lines, phases)
    shares = {metric_name(n): _line(ends, [(r.get("dev") or {}).get(n) for r in history]) for n in SHARES}
    if shares := {name: line for name, line in shares.items() if line}:
        yield plots.step_curves(f"Scores on documents held out: {role}", (unit, "right, %"), shares, phases)


def _trained(record: Mapping[str, Any], name: str) -> float | None:
    found: float | None = record.get(LOSS) if name == LOSS else record.get("terms", {}).get(name)
    return found


def _examined(record: Mapping[str, Any], name: str) -> float | None:
    """On documents held out; of a loss of one term alone the sum is told, which is the term."""
    dev = record.get("dev") or {}
    found: float | None = dev.get(LOSS if list(record.get("terms", {})) == [name] else name)
    return found


def _line(ends: Sequence[int], values: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(float(at), value) for at, value in zip(ends, values, strict=True) if value is not None]

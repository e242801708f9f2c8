"""What report and card draw on: the Bundles of a run, their measurements and answers, opened once and checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.measurement import Measurement, find, read_measurements
from limbeck.core.predictions import Answer, Predictions
from limbeck.evidence import table
from limbeck.evidence.retention import retention


@dataclass(frozen=True)
class Findings:
    """Measured facts of a run.

    Attributes:
        evaluation: Made by the stage `evaluate`.
        benchmark: Made by the stage `benchmark`, if it was run.
    """

    evaluation: Bundle
    benchmark: Bundle | None = None

    @classmethod
    def of(cls, inputs: Mapping[str, Bundle]) -> "Findings":
        """Take them from a stage's inputs.

        Raises:
            BundleError: There is no evaluation among them.
        """
        if "evaluation" not in inputs or inputs["evaluation"].stage != "evaluate":
            raise BundleError("no evaluation among the inputs; run `limbeck evaluate` and give its Bundle")
        return cls(inputs["evaluation"], inputs.get("benchmark"))

    @cached_property
    def measurements(self) -> list[Measurement]:
        """Those of evaluation and benchmark together; a number that both have is the evaluation's."""
        bundles = [b for b in (self.evaluation, self.benchmark) if b is not None]
        found = [m for b in bundles for m in read_measurements(b.file("measurements.json"))]
        return list({(m.model, m.metric, m.split): m for m in reversed(found)}.values())[::-1]

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the evaluation: `task`, `labels`, `primary`, `split`, `n`, `roles`, `baseline`."""
        return self.evaluation.facts

    @property
    def roles(self) -> list[str]:
        """Models in the order in which they stand everywhere."""
        return list(self.facts["roles"])

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return str(self.facts["primary"])

    @property
    def tags(self) -> bool:
        """Whether the models answer for each word."""
        return str(self.facts["task"]["kind"]) == "token_classification"

    @property
    def answer(self) -> Answer:
        """What each item gets."""
        return self.predictions[self.roles[0]].answer

    @cached_property
    def predictions(self) -> dict[str, Predictions]:
        """Role → answers."""
        return {role: Predictions.read(self.evaluation.file(f"predictions/{role}.npz")) for role in self.roles}

    def find(self, role: str, metric: str) -> Measurement | None:
        """A measurement of a role."""
        return find(self.measurements, role, metric)

    def table(self) -> table.Rows:
        """The table of models."""
        return table.rows(self.measurements, self.roles, self.primary)

    def role_of(self, model: Bundle) -> str | None:
        """The role under which a model was evaluated."""
        parents = self.evaluation.manifest["parents"]
        return next((role for role in self.roles if parents[role]["digest"] == model.digest), None)

    def against(self, role: str) -> str | None:
        """The baseline that `role` is compared with; None if it is that itself or there is none."""
        baseline = str(self.facts["baseline"])
        return baseline if baseline in self.roles and baseline != role else None

    def headline(self, role: str) -> list[str]:
        """What a model is worth, in sentences for everybody."""
        score = self.find(role, self.primary)
        name, examples = table.metric_name(self.primary), f"{self.facts['n']:,} {self.facts['split']} examples"
        reached = f"{name} {table.score_text(score)}" if score else f"no {name}"
        base = self.against(role)
        before = base and self.find(base, self.primary)
        if not base or not before or not score:
            return [f"The {role} reaches {reached} on {examples}."]
        part = retention(score.value, before.value, self.primary)
        kept = f"reaches {reached}" if part is None else f"keeps {100 * part:.1f} % of its {name}"
        scores = f"{table.score_text(_bare(score))} against {table.score_text(_bare(before))} on {examples}"
        gains = " and ".join(self._gains(role, base))
        first = f"The {role} {f'is {gains} as the {base}' if gains else f'stands beside the {base}'}"
        return [f"{first} and {kept} ({scores}).", *self._verdict(role, base)]

    def _gains(self, role: str, base: str) -> Iterable[str]:
        size, before = self.find(role, "size_bytes"), self.find(base, "size_bytes")
        if size and before and size.value:
            yield f"{100 * size.value / before.value:.0f} % as large"
        speed = self.find(role, "speedup")
        if speed and self.benchmark is not None and self.benchmark.facts.get("baseline", base) == base:
            yield f"{speed.value:.1f} times as fast"

    def _verdict(self, role: str, base: str) -> Iterable[str]:
        p = self.find(role, f"mcnemar_p_against_{base}")
        if p is not None:
            chance = "is more than chance would give" if p.value < 0.05 else "could be chance"
            yield f"The difference in right answers {chance} ({p_text(p.value)}, McNemar's test)."


def p_text(p: float) -> str:
    """A p-value for people.

    >>> p_text(0.2345), p_text(0.00001)
    ('p = 0.23', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.01 else f"p = {p:.3f}"


def _bare(m: Measurement) -> Measurement:
    return Measurement(m.model, m.metric, m.value, m.unit)

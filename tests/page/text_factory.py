"""Runs over raw text made by hand: a corpus, a teacher and a student as Bundles, in no time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.spec import Spec

TELLS = ("name", "documents", "sentences", "tokens", "dev_documents", "dev_tokens", "vocabulary")


@dataclass
class TextRun:
    """What a run is to be like.

    Attributes:
        name: Of the corpus.
        warnings: Of the corpus.
        odd: Of the student.
        phases: Names of the student's phases.
        terms: Of the loss.
        scores: On documents held out, besides the loss.
        rounds: Records of each phase.
        counted: Whether records tell steps and tokens, which those of older code do not.
    """

    name: str = "films.txt"
    warnings: Sequence[str] = ()
    odd: Sequence[str] = ()
    phases: Sequence[str] = ("distil 1 inside", "distil 2 answers")
    terms: Sequence[str] = ("soft_targets", "cosine")
    scores: Mapping[str, float] = field(default_factory=lambda: {"accuracy": 0.315, "top_5": 0.5})
    rounds: int = 4
    counted: bool = True

    def make(self, folder: Path) -> dict[str, Bundle]:
        """Make the Bundles, by role, as the report gets them."""
        with create_bundle(folder / "corpus", "tokenize", Spec(), {}) as draft:
            draft.facts |= {
                "name": self.name, "documents": 1940, "sentences": 20_100, "tokens": 301_500, "dev_documents": 60,
                "dev_tokens": 9_000, "vocabulary": 30_522, "unknown_fraction": 0.0012, "mean_sentence_tokens": 15.0,
                "lines": 25_000, "broken_lines": 3, "cut_lines": 1, "warnings": list(self.warnings),
            }  # fmt: skip
        corpus = open_bundle(folder / "corpus")
        teacher = self._model(folder / "teacher", {}, 22_713_986, {})
        told = {name: corpus.facts[name] for name in TELLS}
        facts = {"corpus": told, "history": self.history(), "warnings": list(self.odd)}
        student = self._model(folder / "student", {"teacher": teacher, "corpus": corpus}, 17_391_986, facts)
        return {"corpus": corpus, "teacher": teacher, "student": student}

    def _model(self, path: Path, parents: Mapping[str, Bundle], parameters: int, facts: Mapping[str, Any]) -> Bundle:
        with create_bundle(path, "distil" if parents else "import_checkpoint", Spec(), parents) as draft:
            (draft.path / "model.safetensors").write_bytes(bytes(parameters // 1000))
            draft.facts |= {"name": path.name, "dims": {"layers": 3, "hidden": 384, "parameters": parameters}, **facts}
        return open_bundle(path)

    def history(self) -> list[dict[str, Any]]:
        """Losses that fall."""
        records = []
        for phase in self.phases:
            for epoch in range(1, self.rounds + 1):
                terms = {name: (2.0 - 0.3 * i) / epoch for i, name in enumerate(self.terms)}
                loss = sum(terms.values())
                dev = {"loss": 1.1 * loss, **({n: 1.1 * v for n, v in terms.items()} if len(terms) > 1 else {})}
                records.append({
                    "phase": phase, "epoch": epoch, "loss": loss, "terms": terms, "dev": {**dev, **self.scores},
                    "seconds": 90.0, "learning_rate": 5e-4,
                    **({"steps": 500, "tokens": 150_000} if self.counted else {}),
                })  # fmt: skip
        return records

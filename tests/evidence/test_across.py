"""Means over data sets, worked by hand."""

import pytest

from limbeck.core.measurement import Measurement
from limbeck.evidence.across import Across
from limbeck.evidence.repeats import Repeats, Trial, kept_of


def repeats(
    metric: str, scores: dict[tuple[str, int], float], unit: str = "fraction", *, higher: bool = True
) -> Repeats:
    trials = [
        Trial(
            name,
            seed,
            [
                Measurement("student", metric, score, unit, "test", 100),
                Measurement("student", "training_seconds", 10.0 + seed, "s"),
                Measurement("student", "parameters", 1e6 + len(metric), "parameters"),
            ],
            {"student": f"{name} {metric} {seed}"},
        )
        for (name, seed), score in scores.items()
    ]
    return Repeats(("a", "b"), metric, trials, "encoder", higher)


FILMS = {("a", 0): 0.80, ("a", 1): 0.82, ("b", 0): 0.90, ("b", 1): 0.94}
PAIRS = {("a", 0): 0.60, ("a", 1): 0.66, ("b", 0): 0.70, ("b", 1): 0.78}


def test_the_mean_is_taken_within_each_seed():
    found = Across({"films": repeats("accuracy", FILMS), "pairs": repeats("pearson", PAIRS, "coefficient")})
    mean = found.deciding.mean("a", "student", "mean")  # 0.70 and 0.74
    assert (mean.value, mean.n, mean.unit) == (pytest.approx(0.72), 2, "fraction")
    assert mean.high - mean.value == pytest.approx(12.7062 * 0.02, abs=1e-5)  # s / √2 = 0.02
    gain = found.deciding.gain("b")  # 0.10 and 0.12
    assert (gain.value, gain.high - gain.value) == (pytest.approx(0.11), pytest.approx(12.7062 * 0.01, abs=1e-5))


def test_time_adds_up_and_the_largest_head_counts():
    found = Across({"films": repeats("accuracy", FILMS), "pairs": repeats("pearson", PAIRS, "coefficient")})
    heads, first, _ = found.table()
    assert heads == ("encoder", "seeds", "films", "pairs", "mean", "training", "parameters")
    assert first[5:] == ("21.0 s", "1.0 M")
    assert found.deciding.mean("a", "student", "parameters").value == 1e6 + 8


def test_a_seed_that_is_missing_somewhere_is_in_no_mean():
    lacking = {run: score for run, score in PAIRS.items() if run != ("a", 1)}
    found = Across({"films": repeats("accuracy", FILMS), "pairs": repeats("accuracy", lacking)})
    mean = found.deciding.mean("a", "student", "mean")
    assert (mean.value, mean.n) == (pytest.approx(0.70), 1)
    assert found.table()[1][1] == "1"
    assert found.sets["films"].mean("a", "student", "accuracy").n == 2


def test_scores_and_losses_have_no_mean():
    found = Across({"films": repeats("accuracy", FILMS), "pairs": repeats("log_loss", PAIRS, "nats", higher=False)})
    assert found.table()[0] == ("encoder", "seeds", "films", "pairs", "training", "parameters")
    assert found.deciding.gains() == []


def test_nothing_finished_on_one_of_two_leaves_no_mean():
    found = Across({"films": repeats("accuracy", FILMS), "pairs": repeats("accuracy", {})})
    assert found.table()[0] == ("encoder", "seeds", "films")
    assert "accuracy on pairs" in found.caption()


def test_data_sets_may_be_called_as_columns_are():
    found = Across({"mean": repeats("accuracy", FILMS), "seeds": repeats("accuracy", PAIRS)})
    assert found.table()[0][:5] == ("encoder", "seeds", "mean", "seeds", "mean")


def test_all_numbers_come_with_their_data():
    found = Across({"films": repeats("accuracy", FILMS), "pairs": repeats("accuracy", PAIRS)}).plain()
    assert {row["data"] for row in found} == {"films", "pairs", None}
    means = [r["value"] for r in found if (r["data"], r["encoder"], r["seed"], r["metric"]) == (None, "a", 0, "mean")]
    assert means == [pytest.approx(0.70)]
    single = Across({"films": repeats("accuracy", FILMS)})
    assert {row["data"] for row in single.plain()} == {"films"}


def test_what_is_kept_is_told_of_the_metric_that_is_shown():
    measured = [
        Measurement("teacher", "f1", 0.8, "fraction", "test", 10),
        Measurement("student", "f1", 0.6, "fraction", "test", 10),
        Measurement("student", "retention", 0.99, "ratio", "test", 10),
    ]
    kept = {m.model: m.value for m in kept_of(measured, "f1") if m.metric == "retention"}
    assert kept == {"teacher": 1.0, "student": pytest.approx(0.75)}
    assert [m.metric for m in kept_of(measured[1:], "f1")] == ["f1"], "no teacher, nothing kept"

"""Numbers worked by hand: t₀.₉₇₅ is 12.7062 for one degree of freedom and 4.3027 for two."""

import math
from dataclasses import replace

import pytest

from limbeck.core.measurement import Measurement
from limbeck.evidence.repeats import Repeats, Trial, gain_text, t_interval
from limbeck.evidence.table import seconds_text


def trial(recipe: str, seed: int, score: float, *, unit: str = "fraction", teacher: str = "", **costs: float) -> Trial:
    measured = [Measurement("student", "accuracy", score, unit, "test", 100, score - 0.1, score + 0.1)]
    measured += [Measurement("student", metric, value, "s") for metric, value in costs.items()]
    measured += [Measurement("teacher", "accuracy", 0.9, "fraction", "test", 100)]
    return Trial(recipe, seed, measured, {"teacher": teacher or f"{seed}", "student": f"{recipe}{seed}"})


def repeats(*trials: Trial, recipes: tuple[str, ...] = ("a", "b")) -> Repeats:
    return Repeats(recipes, "accuracy", trials)


def test_interval_is_students():
    low, high = t_interval([2.0, 4.0])  # s = √2, s / √2 = 1
    assert (low, high) == pytest.approx((3 - 12.7062, 3 + 12.7062), abs=1e-4)
    low, high = t_interval([0.80, 0.82, 0.84])  # s = 0.02
    half = 4.302653 * 0.02 / math.sqrt(3)
    assert (low, high) == pytest.approx((0.82 - half, 0.82 + half), abs=1e-7)


def test_mean_counts_seeds_and_forgets_the_interval_over_examples():
    m = repeats(trial("a", 0, 0.80), trial("a", 1, 0.82), trial("a", 2, 0.84)).mean("a", "student", "accuracy")
    assert (m.value, m.n, m.unit, m.split) == (pytest.approx(0.82), 3, "fraction", "test")
    assert m.high - m.low == pytest.approx(2 * 4.302653 * 0.02 / math.sqrt(3))


def test_one_seed_has_no_interval():
    m = repeats(trial("a", 0, 0.8)).mean("a", "student", "accuracy")
    assert (m.value, m.n, m.low, m.high) == (0.8, 1, None, None)
    assert "no interval" in repeats(trial("a", 0, 0.8)).caption()


def test_fractions_stay_fractions():
    m = repeats(trial("a", 0, 0.5), trial("a", 1, 0.9)).mean("a", "student", "accuracy")
    assert (m.low, m.high) == (0.0, 1.0)
    free = repeats(trial("a", 0, 0.5, unit="coefficient"), trial("a", 1, 0.9, unit="coefficient"))
    assert free.mean("a", "student", "accuracy").high == pytest.approx(0.7 + 12.7062 * 0.2, abs=1e-4)


def test_the_same_model_under_three_seeds_is_one_repetition():
    kept = repeats(*(trial("a", seed, 0.8 + seed / 100, teacher="one") for seed in range(3)))
    m = kept.mean("a", "teacher", "accuracy")
    assert (m.value, m.n, m.low) == (0.9, 1, None)
    fresh = repeats(*(trial("a", seed, 0.8) for seed in range(3)))
    assert fresh.mean("a", "teacher", "accuracy").n == 3


def test_gain_is_paired_by_seed():
    found = repeats(
        trial("a", 0, 0.60), trial("a", 1, 0.90), trial("a", 2, 0.75),
        trial("b", 0, 0.61), trial("b", 1, 0.92), trial("b", 2, 0.78), trial("b", 3, 0.10),
    )  # fmt: skip
    gain = found.gain("b")  # 0.01, 0.02, 0.03: s = 0.01
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert (gain.value, gain.n) == (pytest.approx(0.02), 3)
    assert (gain.low, gain.high) == (pytest.approx(0.02 - half), pytest.approx(0.02 + half))
    assert gain_text(gain) == "+2.00 [-0.48, +4.48]"
    assert found.gain("a") is None
    assert found.gains()[1] == ("b", "3", "+2.00 [-0.48, +4.48]")


def test_the_same_two_models_under_three_seeds_are_one_pair():
    found = [trial(recipe, seed, score) for seed in range(3) for recipe, score in (("a", 0.6), ("b", 0.7))]
    gain = repeats(*(replace(one, models={"student": one.recipe}) for one in found)).gain("b")
    assert (gain.value, gain.n, gain.low) == (pytest.approx(0.1), 1, None)


def test_gain_needs_a_seed_that_both_have():
    apart = repeats(trial("a", 0, 0.6), trial("b", 1, 0.7))
    assert apart.gain("b") is None
    assert apart.gains() == []
    single = repeats(trial("a", 0, 0.6), trial("b", 0, 0.7)).gain("b")
    assert gain_text(single) == "+10.00"


def test_table_has_a_row_for_every_recipe_even_if_all_its_runs_failed():
    table = repeats(trial("a", 0, 0.8, training_seconds=90), trial("a", 1, 0.8, training_seconds=110)).table()
    assert table[0] == ("recipe", "seeds", "teacher", "student", "training")
    assert table[1] == ("a", "2", "90.0", "80.0 [80.0, 80.0]", "100.0 s")
    assert table[2] == ("b", "0", "–", "–", "–")


def test_all_numbers_come_with_recipe_and_seed():
    plain = repeats(trial("b", 1, 0.7), trial("a", 1, 0.8), trial("a", 0, 0.6)).plain()
    own = [(row["recipe"], row["seed"], row["value"]) for row in plain if row["model"] == "student" and row["n"] == 100]
    assert own == [("a", 0, 0.6), ("a", 1, 0.8), ("b", 1, 0.7)]
    assert [(r["recipe"], r["value"]) for r in plain if r["seed"] is None and r["metric"] == "gain"] == [
        ("b", pytest.approx(-0.1))
    ]


def test_a_full_table_fits_110_columns():
    measured = [
        Measurement(role, metric, value, unit)
        for role in ("teacher", "student", "bundle", "run")
        for metric, value, unit in (
            ("accuracy", 0.889, "fraction"), ("retention", 0.99, "ratio"), ("training_seconds", 4000, "s"),
            ("seconds", 90_000, "s"), ("parameters", 1.1e8, "parameters"), ("size_bytes", 4.4e8, "bytes"),
        )
    ]  # fmt: skip
    wide = repeats(*(Trial("tinybert_task", seed, measured) for seed in range(3)), recipes=("tinybert_task",))
    assert max(map(len, wide.text().splitlines())) <= 110


@pytest.mark.parametrize(("seconds", "text"), [(0.25, "0.2 s"), (119, "119.0 s"), (120, "2.0 min"), (7200, "2.0 h")])
def test_times_for_people(seconds, text):
    assert seconds_text(seconds) == text

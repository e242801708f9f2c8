"""The page of a comparison, read as a browser reads it."""

import pytest

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement
from limbeck.evidence.across import Across
from limbeck.evidence.repeats import Repeats, Trial
from limbeck.page.comparison import ComparisonPage
from tests.page.factory import Run
from tests.page.markup import PAYLOADS, read_page


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Bundle:
    return Run(name=PAYLOADS[0]).make(tmp_path_factory.mktemp("run"))["evaluation"]


def trials(recipe: str, *scores: float, seconds: float = 300) -> list[Trial]:
    return [
        Trial(
            recipe,
            seed,
            [
                Measurement("teacher", "accuracy", 0.9, "fraction", "test", 100),
                Measurement("student", "accuracy", score, "fraction", "test", 100),
                Measurement("student", "training_seconds", seconds, "s"),
            ],
            {"teacher": f"t{seed}", "student": f"{recipe}{seed}"},
        )
        for seed, score in enumerate(scores)
    ]


def page_of(evaluated: Bundle, *found: list[Trial], recipes=("plain", "better"), failures=None) -> ComparisonPage:
    repeats = Repeats(recipes, "accuracy", [trial for own in found for trial in own])
    across, bundles = Across({"films": repeats}), {"films": evaluated}
    return ComparisonPage(
        "comparison", across, bundles, failures or {}, {name: f"limbeck: 1  # {name}" for name in recipes}
    )


def text_of(html: str) -> str:
    return " ".join(" ".join(read_page(html).text).split())


def test_says_what_came_out(evaluated):
    page = page_of(evaluated, trials("plain", 0.80, 0.82), trials("better", 0.84, 0.861))
    text = text_of(page.html())
    assert "better scores highest: accuracy 85.0 [71.7, 98.4] over 2 seeds." in text
    assert "Against plain that is +4.05 [+3.41, +4.69] points, more than chance would give." in text
    assert "Scores: accuracy on test, %; means over seeds [95 % intervals]" in text


def test_chance_and_single_seeds_are_called_so(evaluated):
    chance = page_of(evaluated, trials("plain", 0.80, 0.82), trials("better", 0.87, 0.81))
    assert "points, which could be chance." in text_of(chance.html())
    single = page_of(evaluated, trials("plain", 0.80), trials("better", 0.84))
    assert "One seed allows no interval" in text_of(single.html())
    assert "Against plain that is +4.00 points." in single.markdown()


def test_equal_gains_of_rounded_scores_prove_nothing(evaluated):
    page = page_of(evaluated, trials("plain", 0.80, 0.84), trials("better", 0.81, 0.85))
    assert "Against plain that is +1.00 [+1.00, +1.00] points. " in text_of(page.html())


def test_recipes_with_fewer_seeds_are_not_ranked(evaluated):
    """The seeds that are missing may be the hard ones."""
    lucky = [one for one in trials("lucky", 0, 0.895, 0) if one.seed == 1]
    found = page_of(evaluated, trials("plain", 0.80, 0.90, 0.91), lucky, recipes=("plain", "lucky"))
    text = text_of(found.html())
    assert "plain scores highest: accuracy 87.0 [71.9, 100.0] over 3 seeds." in text
    assert "Not ranked, as they have fewer seeds: lucky." in text


def test_draws_scores_and_their_cost(evaluated):
    page = read_page(page_of(evaluated, trials("plain", 0.8, 0.82), trials("better", 0.84, 0.86, seconds=30)).html())
    drawn = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert drawn == ["accuracy of the student", "accuracy against training"]
    assert "training, minutes" in page.text


def test_what_costs_nothing_is_not_drawn_against_its_cost(evaluated):
    page = read_page(page_of(evaluated, trials("plain", 0.8, seconds=0)).html())
    assert [a["aria-label"] for tag, a in page.tags if tag == "svg"] == ["accuracy of the student"]


def test_needs_no_network_and_runs_no_script(evaluated):
    html = page_of(evaluated, trials("plain", 0.80, 0.82), trials("better", 0.84, 0.86)).html()
    page = read_page(html)
    assert page.faults() == []
    assert next(a["content"] for _, a in page.tags if a.get("http-equiv")).startswith("default-src 'none'")
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in page.tags if "href" in a} <= set(ids)


def test_no_text_becomes_markup(evaluated):
    found = [trials(name, 0.5 + i / 100, 0.6) for i, name in enumerate(PAYLOADS)]
    hostile = page_of(evaluated, *found, recipes=PAYLOADS, failures=dict(zip(PAYLOADS, PAYLOADS, strict=True)))
    page = read_page(hostile.html())
    assert page.faults() == []
    assert PAYLOADS[0] in page.text
    assert "<script" not in hostile.markdown()
    assert "<img" not in hostile.markdown()


def test_a_recipe_of_which_every_run_failed_stands_there_without_numbers(evaluated):
    page = page_of(evaluated, trials("plain", 0.8, 0.82), failures={"better seed 0": "the loss is nan"})
    text = text_of(page.html())
    assert "better seed 0 failed: the loss is nan" in text
    assert "1 of all runs failed" in text
    assert "| better | 0 | – | – | – |" in page.markdown()


def test_several_data_sets_are_drawn_each_and_told_by_their_mean(evaluated):
    sets = {
        name: Repeats(("plain", "better"), "accuracy", trials("plain", *low) + trials("better", *high), "encoder")
        for name, low, high in (("films", (0.8, 0.82), (0.84, 0.86)), (PAYLOADS[0], (0.6, 0.62), (0.64, 0.66)))
    }
    page = ComparisonPage("probe", Across(sets), dict.fromkeys(sets, evaluated), {}, {"plain": "", "better": ""})
    text = text_of(page.html())
    assert "better scores highest: mean over 2 data sets 75.0 [62.3, 87.7] over 2 seeds." in text
    assert "every number is in probe.json" in text
    read = read_page(page.html())
    assert read.faults() == []
    drawn = [attributes["aria-label"] for tag, attributes in read.tags if tag == "svg"]
    assert len(drawn) == 4
    assert drawn[2:] == ["accuracy on films", f"accuracy on {PAYLOADS[0]}"]


def test_before_all_data_sets_are_run_there_is_no_best(evaluated):
    done = Repeats(("plain",), "accuracy", trials("plain", 0.8), "encoder")
    page = ComparisonPage("probe", Across({"a": done, "b": Repeats(("plain",), "accuracy", (), "encoder")}),
                          {"a": evaluated}, {}, {"plain": ""})  # fmt: skip
    assert "No encoder has a mean over all data sets." in text_of(page.html())

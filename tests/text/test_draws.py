"""Numbers drawn for places: uniform, independent, the same whatever else is drawn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from limbeck.text.draws import Draws

PLACES = np.arange(200_000)


def test_they_are_uniform():
    drawn = Draws(3).uniform("x", PLACES)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.bincount((drawn * 100).astype(int), minlength=100)
    assert (((counts - 2000) ** 2) / 2000).sum() < 149  # chi squared with 99 degrees of freedom: P = 0.001


def test_neighbours_purposes_turns_and_seeds_have_nothing_to_do_with_one_another():
    one = Draws(3).uniform("x", PLACES)
    others = [Draws(3).uniform("x", PLACES + 1), Draws(3).uniform("y", PLACES), Draws(3, 1).uniform("x", PLACES)]
    others += [Draws(4).uniform("x", PLACES), Draws(2, 1).uniform("x", PLACES)]
    for other in others:
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.01


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20), st.integers(0, 2**31 - 1))
def test_a_place_gets_its_number_in_whatever_company(places, seed):
    whole = Draws(seed).uniform("x", np.array(places))
    alone = [Draws(seed).uniform("x", np.array([place]))[0] for place in places]
    assert whole.tolist() == alone


def test_below_gives_every_number_and_no_other():
    assert set(Draws(0).below("x", PLACES[:1000], 7).tolist()) == set(range(7))
    limits = np.array([1, 2, 3])
    assert (Draws(0).below("x", PLACES[:3], limits) < limits).all()

from hypothesis import given
from hypothesis import strategies as st

from limbeck.core.hashing import canonical, digest

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_canonical_form_is_sorted_and_compact():
    assert canonical({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'


@given(st.dictionaries(st.text(), PLAIN, min_size=2, max_size=5))
def test_order_of_keys_changes_nothing(value):
    assert digest(dict(reversed(value.items()))) == digest(value)


@given(PLAIN, PLAIN)
def test_equal_digests_mean_equal_text(one, other):
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))


def test_types_are_told_apart():
    assert len({digest(v) for v in (1, "1", 1.0, True, None, [], {}, "", "None")}) == 9


def test_lone_surrogates_have_a_digest():
    assert digest("\ud800") != digest("\udfff")

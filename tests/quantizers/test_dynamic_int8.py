"""Rows of tables in int8."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limbeck.quantizers.dynamic_int8 import quantize_rows

TABLES = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-100, 100, width=32))


@given(TABLES)
def test_every_value_is_within_half_a_scale(table):
    values, scales = quantize_rows(table)
    assert np.abs(values * scales - table).max() <= scales.max() / 2 * 1.001 + 1e-30
    assert np.all(np.abs(values * scales - table) <= scales / 2 * 1.001 + 1e-30)


@given(TABLES)
def test_rows_do_not_touch_one_another(table):
    alone = [quantize_rows(row[None])[0][0] for row in table]
    assert (quantize_rows(table)[0] == np.array(alone)).all()


def test_row_of_zeros_stays_zero():
    values, scales = quantize_rows(np.zeros((1, 3), dtype=np.float32))
    assert (values * scales == 0).all()

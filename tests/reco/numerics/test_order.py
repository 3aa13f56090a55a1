from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from icecol.reco.numerics.order import before, order

KEYS = st.lists(st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf])), max_size=40)


@given(KEYS)
def test_it_is_the_stable_order_of_numpy(keys):
    keys = np.array(keys, np.float64)
    np.testing.assert_array_equal(order(keys), np.argsort(keys, kind="stable"))


def test_nan_comes_last_and_equal_keys_are_not_swapped():
    assert before(1.0, 2.0)
    assert before(math.inf, math.nan)
    assert not before(2.0, 1.0)
    assert not before(1.0, 1.0)
    assert not before(math.nan, math.nan)
    assert not before(math.nan, 1.0)

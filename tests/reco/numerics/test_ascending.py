from __future__ import annotations

import math

import numpy as np
import pytest
from from_python import from_python
from hypothesis import given
from hypothesis import strategies as st

from icecol.i3.pulses.std_sort import std_sort
from icecol.reco.numerics.ascending import ascending

ascending, std_sort = from_python(ascending, std_sort)
FEW = st.one_of(st.floats(), st.sampled_from([1.0, 2.0, math.nan, math.inf, -math.inf]))


@given(st.lists(FEW, max_size=300))
def test_numbers_are_in_the_order_that_std_sort_leaves(values):
    values = np.array(values, float)
    order = np.arange(values.size)
    std_sort(order, values, 0, order.size)
    assert ascending(values).tolist() == order.tolist()


@pytest.mark.parametrize("n", [15, 16, 17, 255, 256, 257, 1000])
@pytest.mark.parametrize("distinct", [3, 10**9], ids=["ties", "no ties"])
def test_numbers_rise_whether_they_are_counted_or_sorted(n, distinct):
    values = np.random.default_rng(n).integers(0, distinct, n).astype(float)
    order = ascending(values)
    assert values[order].tolist() == sorted(values)
    assert sorted(order) == list(range(n))

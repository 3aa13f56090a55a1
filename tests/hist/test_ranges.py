from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol import hist


def filled(values, axis, dtype=pl.Float64):
    return hist.fill(pl.LazyFrame({"x": pl.Series(values, dtype=dtype)}), axis)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=5),
    bins=st.integers(1, 300),
    make=st.sampled_from([hist.regular, hist.log]),
)
def test_a_range_from_the_data_holds_them_all_and_hardly_more(values, bins, make):
    values = [abs(v) + 1e-150 for v in values] if make is hist.log else values
    h = filled(values, make("x", bins))
    assert h.sum() == len(values)
    if len(set(values)) > 1:
        start, stop = h.edges[[0, -1]]
        assert start == pytest.approx(min(values), rel=1e-12)
        assert h.axes[0].index(max(values)) == bins - 1
        assert stop - max(values) <= max(1e-8 * (stop - start), 1e-6 * abs(stop))


def test_a_range_of_energies_stays_above_zero():
    assert filled([0.0, 5.0], hist.regular("x", 5)).edges[0] == 0
    assert filled([0.1, 5.0], hist.regular("x", 5)).edges[0] == 0.1
    assert filled([0.1], hist.regular("x", 5)).edges[[0, -1]] == pytest.approx([0.05, 0.15])
    assert filled([0.0], hist.regular("x", 5)).edges[0] == 0
    assert filled([0.1], hist.log("x", 5)).edges[0] > 0


@pytest.mark.parametrize(
    ("bins", "stop", "counts"), [(10, 11, [1] * 10), (4, 13, [3, 3, 3, 1]), (3, 13, [4, 4, 2])]
)
def test_bins_of_integers_hold_equally_many_of_them(bins, stop, counts):
    h = filled(range(1, 11), hist.regular("x", bins), pl.Int64)
    assert h.edges == pytest.approx(np.linspace(1, stop, bins + 1))
    assert h.values(flow=True).tolist() == [0, *counts, 0]


def test_more_bins_than_integers_give_each_integer_equally_many():
    values = filled(range(1, 11), hist.regular("x", 53), pl.Int64).values()
    assert np.flatnonzero(values).tolist() == list(range(0, 50, 5))
    assert filled([7, 7], hist.regular("x", 3), pl.Int64).edges.tolist() == pytest.approx(
        [7, 7 + 1 / 3, 7 + 2 / 3, 8]
    )
    assert filled([3, 9], hist.regular("x", 10, start=0), pl.Int64).edges == pytest.approx(range(11))
    assert filled([3, 9], hist.regular("x", 10, start=9), pl.Int64).sum() == 1


@pytest.mark.parametrize("bins", [7, 49, 98, 103, 10, 5])
@pytest.mark.parametrize("start", [0, -3, 1000])
def test_integers_are_in_the_bins_that_their_edges_say(start, bins):
    whole = np.arange(start, start + bins)
    axis = hist.regular("x", bins, start, start + bins)
    assert filled(whole, axis, pl.Int64).values().tolist() == [1] * bins
    fine = hist.regular("x", 7 * bins, start, start + bins)
    assert np.flatnonzero(filled(whole, fine, pl.Int64).values()).tolist() == list(range(0, 7 * bins, 7))
    assert filled([start - 1, start + bins], axis, pl.Int64).values(flow=True)[[0, -1]].tolist() == [1, 1]


def test_a_range_too_wide_for_a_float_is_an_error():
    with pytest.raises(ValueError, match="too wide for a float"):
        filled([-1.7e308, 1.7e308], hist.regular("x", 5))


@pytest.mark.parametrize(
    "axes",
    [
        (hist.regular("x", 10**10),),
        (hist.integer("x", 0, 3_000_000_000),),
        (hist.regular("x", 1 << 14, 0, 1), hist.regular(pl.col("x").abs(), 1 << 14, 0, 1)),
    ],
)
def test_too_many_bins_are_an_error_before_any_data_are_read(axes):
    def never(s):
        raise AssertionError

    lf = pl.LazyFrame({"x": [1]}).select(pl.col("x").map_batches(never, return_dtype=pl.Int64))
    with pytest.raises(ValueError, match=r"the histogram would have \d+.* bins, .* more than 268435456"):
        hist.fill(lf, *axes)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt32, pl.UInt64])
def test_integers_beyond_32_bits_are_binned(dtype):
    big = 3_000_000_000
    values = [big, big + 1, 5, big + 1]
    h = filled(values, hist.category("x"), dtype)
    assert list(h.axes[0]) == ["3000000000", "3000000001", "5"]
    assert h.values().tolist() == [1, 2, 1]
    assert filled(values, hist.category("x", [big + 1, 7]), dtype).values(flow=True).tolist() == [2, 0, 2]
    whole = filled(values, hist.integer("x", big, big + 49), dtype)
    assert whole.values(flow=True)[:4].tolist() == [1, 1, 2, 0]
    every = filled(range(big - 1, big + 50), hist.integer("x", big, big + 49), dtype)
    assert every.values(flow=True).tolist() == [1] * 51


def test_partial_results_add_if_only_one_has_integers_beyond_32_bits():
    small, large = (filled(v, hist.category("x"), pl.Int64) for v in ([5, 6], [2**40, 5]))
    for total, names in ((small + large, ["5", "6", str(2**40)]), (large + small, [str(2**40), "5", "6"])):
        assert list(total.axes[0]) == names
        assert total[hist.loc("5")].value == 2
        assert total.names == ("x",)


def test_the_largest_integer_of_64_bits_is_a_category():
    h = filled([2**64 - 1, 0], hist.category("x"), pl.UInt64)
    assert list(h.axes[0]) == ["18446744073709551615", "0"]


def test_ranges_ignore_what_is_no_number():
    assert filled([math.nan, math.inf, -math.inf, 1.0, 2.0], hist.regular("x", 2)).edges[0] == 1


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([2**64 - 1, 2**63, 5], pl.UInt64), ([2**63 - 1, -1], pl.Int64), ([2**100, 1], pl.Int128)],
)
@pytest.mark.parametrize("bins", [1, 3, 7])
def test_a_range_of_integers_beyond_the_exact_floats_holds_the_largest(values, dtype, bins):
    assert filled(values, hist.regular("x", bins), dtype).sum() == len(values)


def test_a_log_range_of_values_with_equal_logarithms_is_one_around_them():
    h = filled([1e15, math.nextafter(1e15, 2e15)], hist.log("x", 4))
    assert (h.sum(), h.edges[0] < 1e15 < h.edges[-1]) == (2, True)
    with pytest.raises(ValueError, match="same logarithm"):
        hist.log("x", 4, 1e15, math.nextafter(1e15, 2e15))


@pytest.mark.parametrize("bins", [2.5, "3", None, True])
def test_a_number_of_bins_is_an_integer(bins):
    with pytest.raises(TypeError, match=r"bins, which is not an integer"):
        hist.regular("x", bins, 0, 1)
    assert hist.regular("x", np.int32(3), 0, 1).bins == 3

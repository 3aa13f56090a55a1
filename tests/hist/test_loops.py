from __future__ import annotations

import math

import boost_histogram as bh
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol import hist
from icecol.hist import counting
from icecol.hist.lookup import of_log
from icecol.hist.loops import fill_even, fill_integers, fill_looked_up

VALUES = st.lists(st.one_of(st.floats(), st.integers(-20, 20).map(lambda i: i / 7)), max_size=30)


@given(VALUES, st.integers(1, 60), st.floats(-3, 3), st.floats(1e-3, 10), st.integers(0, 2**32 - 1))
def test_loops_fill_as_boost_histogram_does_to_the_last_bit(values, bins, start, width, seed):
    axis = bh.axis.Regular(bins, start, start + width)
    x = np.array(
        [*values, *axis.edges, *np.nextafter(axis.edges, np.inf), *np.nextafter(axis.edges, -np.inf)]
    )
    w = np.random.default_rng(seed).normal(size=x.size)
    good = ~np.isnan(x)
    null = np.isnan(x) & (np.arange(x.size) % 2 == 0)
    sums, rest = np.zeros((bins + 2, 2)), np.zeros((2, 3))
    fill_even(x, null, w, start, start + width, sums, rest)
    view = bh.Histogram(axis, storage=bh.storage.Weight()).fill(x[good], weight=w[good]).view(flow=True)
    assert sums.tolist() == np.array([view["value"], view["variance"]]).T.tolist()
    nan = np.isnan(x) & ~null
    expected = [(m.sum(), w[m].sum(), (w[m] ** 2).sum()) for m in (nan, null)]
    assert rest == pytest.approx(np.array(expected), abs=1e-12)
    counts, rest = np.zeros((bins + 2, 2)), np.zeros((2, 3))
    fill_even(x, null, np.zeros(0), start, start + width, counts, rest)
    assert rest.tolist() == [[nan.sum()] * 3, [null.sum()] * 3]
    expected = bh.Histogram(axis).fill(x[good]).values(flow=True)
    assert counts.tolist() == np.array([expected, expected]).T.tolist()


@given(VALUES, st.integers(1, 300), st.floats(-300, 300), st.floats(1e-9, 8), st.integers(0, 2**32 - 1))
def test_bins_are_looked_up_where_logarithms_put_them_to_the_last_bit(values, bins, start, width, seed):
    start, stop = 10.0**start, 10.0 ** (start + width)
    lookup = of_log(bins, start, stop)
    if lookup is None:
        assert width < 1e-3 or bins > 100
        return
    edges = np.array([start, stop, *lookup.edge[np.isfinite(lookup.edge)]])
    x = np.array(
        [*values, *edges, *np.nextafter(edges, np.inf), *np.nextafter(edges, 0), *edges**1.01, np.inf, 0]
    )
    w, good = np.random.default_rng(seed).normal(size=x.size), ~np.isnan(x)
    sums, rest = np.zeros((bins + 2, 2)), np.zeros((2, 3))
    fill_looked_up(x, np.zeros(0, bool), w, *lookup, sums, rest)
    axis = bh.axis.Regular(bins, math.log(start), math.log(stop))
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(x, 0))
    view = bh.Histogram(axis, storage=bh.storage.Weight()).fill(logs[good], weight=w[good]).view(flow=True)
    assert sums.tolist() == np.array([view["value"], view["variance"]]).T.tolist()
    assert rest[0, 0] == (~good).sum()


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-12, 12)), st.integers(-9, 9), st.integers(1, 9)
)
def test_integers_are_filled_as_boost_histogram_does_to_the_last_bit(values, start, bins):
    x = np.array([*values, *range(start - 1, start + bins + 1)], np.int64)
    w, null = np.random.default_rng(1).normal(size=x.size), np.arange(x.size) % 3 == 1
    sums, rest = np.zeros((bins + 2, 2)), np.zeros((2, 3))
    fill_integers(x, null, w, start, sums, rest)
    h = bh.Histogram(bh.axis.Integer(start, start + bins), storage=bh.storage.Weight())
    view = h.fill(np.clip(x, -100, 100)[~null], weight=w[~null]).view(flow=True)
    assert sums.tolist() == np.array([view["value"], view["variance"]]).T.tolist()
    assert rest == pytest.approx(
        np.array([[0, 0, 0], [null.sum(), w[null].sum(), (w[null] ** 2).sum()]]), abs=1e-12
    )


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("missing", [False, True], ids=["all there", "some null"])
@pytest.mark.parametrize(
    ("axis", "in_loops"),
    [
        (hist.regular("x", 13, -1, 2.3), True),
        (hist.log("x", 7, 0.3, 8), True),
        (hist.integer("n", -2, 6), True),
        (hist.regular("n", 5, -2.5, 6), True),
        (hist.regular("n", 4, -2, 6), False),
        (hist.integer("u", 0, 5), True),
    ],
    ids=["regular", "log", "integer", "regular of integers", "edges on some integers", "64 bits"],
)
def test_a_compiled_fill_is_the_same_histogram(monkeypatch, axis, in_loops, missing, weight):
    rng = np.random.default_rng(4)
    x = [*rng.normal(size=300), *axis_edges(axis), math.nan, math.inf, -math.inf, 0.0, -0.0]
    df = pl.DataFrame(
        {"x": x, "w": rng.normal(size=len(x)), "n": rng.poisson(3, len(x)).astype(np.int32) - 3}
    )
    df = df.with_columns(
        u=pl.Series(rng.integers(0, 7, len(x)).astype(np.uint64)) + (pl.col("n") > 2) * 2**63
    )
    if missing:
        df = df.with_columns(pl.when(pl.int_range(pl.len()) % 7 != 3).then(pl.col("x", "n", "u")))
    used, right = [], counting.Filling._add_compiled
    monkeypatch.setattr(counting.Filling, "_add_compiled", lambda *a: used.append(right(*a)) or used[-1])
    found = {}
    for name in ("numba", "none"):
        monkeypatch.setattr("icecol.hist.filling.sys", type("S", (), {"modules": {name: None}}))
        found[name] = hist.fill(df, axis, weight=weight)
    assert used == [in_loops]
    one, other = found["numba"], found["none"]
    assert one.bh == other.bh
    assert one.missing.n == other.missing.n == missing * len(df.filter(pl.int_range(pl.len()) % 7 == 3))
    for a, b in [(one.nan, other.nan), (one.missing, other.missing)]:
        assert (a.n, a.sumw, a.sumw2) == pytest.approx((b.n, b.sumw, b.sumw2))


def axis_edges(axis):
    return hist.fill(pl.DataFrame({"x": [1.0], "n": [1], "u": [1]}), axis).edges

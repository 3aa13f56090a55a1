from __future__ import annotations

import math

import boost_histogram as bh
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol import hist
from icecol.hist.loops import fill_counts, fill_weighted

VALUES = st.lists(st.one_of(st.floats(), st.integers(-20, 20).map(lambda i: i / 7)), max_size=30)


@given(VALUES, st.integers(1, 60), st.floats(-3, 3), st.floats(1e-3, 10), st.integers(0, 2**32 - 1))
def test_loops_fill_as_boost_histogram_does_to_the_last_bit(values, bins, start, width, seed):
    axis = bh.axis.Regular(bins, start, start + width)
    x = np.array(
        [*values, *axis.edges, *np.nextafter(axis.edges, np.inf), *np.nextafter(axis.edges, -np.inf)]
    )
    w = np.random.default_rng(seed).normal(size=x.size)
    good = ~np.isnan(x)
    sums = np.zeros((bins + 2, 2))
    n, sumw, sumw2 = fill_weighted(x, w, start, start + width, sums)
    view = bh.Histogram(axis, storage=bh.storage.Weight()).fill(x[good], weight=w[good]).view(flow=True)
    assert sums.tolist() == np.array([view["value"], view["variance"]]).T.tolist()
    assert (n, sumw, sumw2) == pytest.approx(
        (np.isnan(x).sum(), w[~good].sum(), (w[~good] ** 2).sum()), abs=1e-12
    )
    counts = np.zeros((bins + 2, 2))
    assert fill_counts(x, start, start + width, counts) == n
    expected = bh.Histogram(axis).fill(x[good]).values(flow=True)
    assert counts.tolist() == np.array([expected, expected]).T.tolist()


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize(
    "axis", [hist.regular("x", 13, -1, 2.3), hist.log("x", 7, 0.3, 8)], ids=["regular", "log"]
)
def test_a_compiled_fill_is_the_same_histogram(monkeypatch, axis, weight):
    rng = np.random.default_rng(4)
    x = [*rng.normal(size=300), *axis_edges(axis), math.nan, math.inf, -math.inf, 0.0, -0.0]
    df = pl.DataFrame({"x": x, "w": rng.normal(size=len(x))})
    used = []
    from icecol.hist import counting

    for name in ("numba", "none"):
        monkeypatch.setattr("icecol.hist.filling.sys", type("S", (), {"modules": {name: None}}))
        right = counting.Filling._add_compiled
        monkeypatch.setattr(
            counting.Filling, "_add_compiled", lambda *a, right=right: used.append(right(*a)) or used[-1]
        )
        found = hist.fill(df, axis, weight=weight)
        if name == "numba":
            compiled = found
    assert used == [True]
    assert found == compiled
    with_null = pl.concat([df, pl.DataFrame({"x": [None], "w": [1.0]}, schema=df.schema)])
    monkeypatch.setattr("icecol.hist.filling.sys", type("S", (), {"modules": {"numba": None}}))
    assert hist.fill(with_null, axis, weight=weight).missing.n == 1


def axis_edges(axis):
    return hist.fill(pl.DataFrame({"x": [1.0]}), axis).edges

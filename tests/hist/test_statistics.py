from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol import hist
from icecol.errors import MissingColumnError, SchemaError
from icecol.hist.statistics import weighted_quantiles

V, W = [1.0, 2.0, 4.0, 8.0], [1.0, 0.5, 2.0, 0.25]
EVENTS = pl.DataFrame({"v": V, "w": W})
AXIS = hist.regular("v", 3, 0, 3)  # most entries are outside of the bins


def exact(events=EVENTS, *axes, weight="w"):
    return hist.fill(events, *(axes or (AXIS,)), weight=weight, statistics=True).data


def test_weighted_moments_are_those_of_the_entries():
    data = exact()
    assert data.sum_of_weights == 3.75
    assert data.mean() == pytest.approx(3.2)
    assert data.variance() == pytest.approx(3.36)
    assert data.variance(unbiased=True) == pytest.approx(5.4)
    assert data.std() == pytest.approx(math.sqrt(3.36))
    assert data.std(unbiased=True) == pytest.approx(math.sqrt(5.4))
    assert data.effective_entries == pytest.approx(2.647059, abs=1e-6)
    assert math.sqrt(data.variance() / data.effective_entries) == pytest.approx(1.126647, abs=1e-6)
    assert data.mean_error("v") == pytest.approx(0.808840, abs=1e-6)
    assert data.skewness() == pytest.approx(0.742980, abs=1e-6)
    assert data.kurtosis() == pytest.approx(0.731859, abs=1e-6)


def test_quantiles_of_entries():
    data = exact()
    assert data.quantiles([0.16, 0.5, 0.84]) == [1, 4, 4]
    assert data.quantiles([0.16, 0.5, 0.84], interpolate=True) == pytest.approx(
        [1.133333, 3, 6.311111], abs=1e-6
    )
    assert (data.median(), data.quantile(0), data.quantile(1)) == (4, 1, 8)
    with pytest.raises(ValueError, match="between 0 and 1"):
        data.quantile(1.5)


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=20), st.integers(0, 16)
)
def test_a_quantile_is_the_smallest_value_that_reaches_the_fraction(entries, sixteenths):
    q = sixteenths / 16
    values, weights = zip(*entries, strict=True)
    total = sum(weights)
    found = weighted_quantiles(values, weights, [q])[0]
    if not total:
        assert math.isnan(found)
        return
    reached = [v for v in values if sum(w for u, w in entries if u <= v) >= q * total]
    assert found == min(v for v in reached if any(w and u <= v for u, w in entries))
    split = [(v, w / 2) for v, w in entries for _ in range(2)]
    assert weighted_quantiles(*zip(*split, strict=True), [q])[0] == found


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(3, 50))
def test_statistics_agree_with_numpy_and_scipy(seed, n):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=n), rng.integers(1, 5, n)
    y = x + rng.normal(size=n)
    data = exact(
        pl.DataFrame({"x": x, "y": y, "w": w}), hist.regular("x", 2, 0, 1), hist.regular("y", 2, 0, 1)
    )
    repeated = np.repeat(x, w)
    assert data.mean() == pytest.approx(repeated.mean(), abs=1e-12)
    assert data.variance() == pytest.approx(repeated.var())
    assert data.skewness() == pytest.approx(scipy.stats.skew(repeated))
    assert data.kurtosis() == pytest.approx(scipy.stats.kurtosis(repeated))
    np.testing.assert_allclose(data.covariance(), np.cov(x, y, aweights=w, ddof=0), atol=1e-12)
    np.testing.assert_allclose(data.correlation(), np.corrcoef(repeated, np.repeat(y, w)), atol=1e-12)
    assert data.correlation()[0, 1] != data.correlation()[0, 0]


def test_entries_are_kept_over_batches_if_they_are_finite_and_not_null(monkeypatch):
    monkeypatch.setattr("icecol.hist.filling._BATCH", 2)
    events = pl.DataFrame({"v": [1.0, None, math.nan, math.inf, 5.0, 9.0], "k": list("abcdef")})
    h = hist.fill(events, AXIS, hist.category("k"), statistics=True)
    assert (h.data.names, h.data.values.tolist(), h.data.weights.tolist()) == (("v",), [[1, 5, 9]], [1, 1, 1])
    pulses = pl.DataFrame({"t": [[1.0, 2.0], [], None, [4.0]], "q": [[1.0, 3.0], [], None, [1.0]]})
    assert exact(pulses, hist.regular("t", 2, 0, 1), weight="q").mean() == pytest.approx(11 / 5)


def test_statistics_follow_sums_and_projections_but_not_slices():
    whole = hist.fill(EVENTS, AXIS, weight="w", statistics=True)
    parts = [hist.fill(EVENTS[i : i + 2], AXIS, weight="w", statistics=True) for i in (0, 2)]
    assert sum(parts).data.kurtosis() == pytest.approx(whole.data.kurtosis())
    assert (whole * 3).data.effective_entries == pytest.approx(whole.data.effective_entries)
    assert (whole * 3).data.sum_of_weights == 3 * 3.75
    assert whole[1:].data is None
    assert (whole + hist.fill(EVENTS, AXIS)).data is None
    both = hist.fill(EVENTS, AXIS, hist.regular("w", 2, 0, 4), statistics=True)
    assert both.project("w").data.mean() == pytest.approx(3.75 / 4)
    assert both.data.mean("w") == both.data.mean(1) == both.data.mean(-1)
    with pytest.raises(MissingColumnError, match="no axis 'u'"):
        both.data.mean("u")


def test_bins_have_the_statistics_of_their_centers():
    h = hist.fill(
        pl.DataFrame({"v": [0.0, 1.0, 1.2, 3.9, 9.0], "w": [1.0, 2.0, 0.5, 1.0, 5.0]}),
        hist.regular("v", 4, 0, 4),
        weight="w",
    )
    twin = hist.Statistics(("v",), np.array([[0.5, 1.5, 3.5]]), np.array([1, 2.5, 1]), np.array([1, 4.25, 1]))
    for what in ("mean", "mean_error", "variance", "std", "skewness", "kurtosis"):
        assert getattr(h, what)() == pytest.approx(getattr(twin, what)())
    assert h.variance(unbiased=True) == pytest.approx(twin.variance(unbiased=True))
    assert h.effective_entries == pytest.approx(4.5**2 / 6.25)
    assert h.median() == pytest.approx(1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        h.quantile(-0.1)


def test_covariance_of_bins():
    events = pl.DataFrame({"x": [0.5, 1.5, 1.5], "y": [0.5, 0.5, 3.5]})
    h = hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 4, 0, 4))
    np.testing.assert_allclose(h.covariance(), np.cov(events["x"], events["y"], ddof=0))
    np.testing.assert_allclose(h.correlation(), np.corrcoef(events["x"], events["y"]))
    assert np.isnan(h[0:1, :].correlation()[0, 1])
    with pytest.raises(TypeError, match="axis 'k' holds categories"):
        hist.fill(
            pl.DataFrame({"x": [0.5], "k": ["a"]}), hist.regular("x", 2, 0, 2), hist.category("k")
        ).covariance()


def test_nothing_has_no_statistics():
    data = exact(EVENTS.clear())
    for what in ("mean", "mean_error", "variance", "std", "skewness", "kurtosis", "median"):
        assert math.isnan(getattr(data, what)())
    assert math.isnan(data.variance(unbiased=True))
    assert data.effective_entries == 0
    assert np.isnan(data.covariance()).all()
    assert math.isnan(exact(EVENTS[:1]).variance(unbiased=True))
    assert math.isnan(exact(EVENTS[:1]).skewness())


def test_describe_gives_a_row_for_each_variable():
    events = EVENTS.with_columns(u=pl.Series([1.0, None, math.nan, 3.0]))
    table = hist.describe(events, AXIS, hist.log("u", 3, unit="m"), weight="w", quantiles=[0.5])
    assert table["variable"].to_list() == ["v", "u / m"]
    assert table.select("n", "n_null", "n_nan").rows() == [(4, 0, 0), (2, 1, 1)]
    assert table["mean"].to_list() == pytest.approx([3.2, (1 + 0.75) / 1.25])
    assert table["effective_entries"].to_list() == pytest.approx([2.647059, 1.25**2 / 1.0625], abs=1e-6)
    assert table["q0.5"].to_list() == [4, 1]
    assert hist.describe(events.clear(), AXIS).select("n", "mean").row(0) == (0, None)
    with pytest.raises(SchemaError, match="axis 'k' holds categories"):
        hist.describe(events, hist.category("k"))

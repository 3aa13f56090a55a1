from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import scipy.stats

from icecol import hist
from icecol.errors import MissingDependencyError

N = hist.integer("n", 0, 5)
A, B = (0.1, 0.4, 0.7, 1.2, 2.0), (0.3, 0.5, 0.9, 1.1, 1.8, 2.5)
WEIGHTS = (1.0, 2.0, 0.5, 1.0, 1.0), (0.5, 1.0, 1.0, 2.0, 0.5, 1.0)


def binned(contents, variances=None):
    """Make a histogram of these sums of weights and, if they are not the same, of squared weights."""
    h = hist.fill(pl.DataFrame({"n": []}, schema={"n": pl.Int64}), N)
    h.bh.view()["value"], h.bh.view()["variance"] = contents, contents if variances is None else variances
    return h


def test_chi2_of_counts_and_weights():
    n = binned([10, 20, 30, 25, 15])
    w = binned([8, 22, 33, 24, 13], [4, 11, 17, 12, 7])
    mixed = hist.chi2_test(n, w)
    assert (mixed.statistic, mixed.dof, mixed.pvalue) == pytest.approx((0.845196, 4, 0.932288), abs=1e-6)
    assert hist.chi2_test(w, n) == mixed
    near = binned(n.values(), n.values() * (1 + 1e-12))
    assert hist.chi2_test(near, w).statistic == pytest.approx(0.815081, abs=1e-6)


def test_chi2_of_counts_is_that_of_a_contingency_table():
    a, b = [10, 20, 30, 25, 15], [8, 0, 40, 12, 7]
    found = hist.chi2_test(binned(a), binned(b))
    expected = scipy.stats.chi2_contingency([a, b], correction=False)
    assert (found.statistic, found.dof, found.pvalue) == pytest.approx(
        (expected.statistic, 4, expected.pvalue)
    )
    assert hist.chi2_test(binned([0, 5, 5, 0, 0]), binned([0, 5, 5, 0, 0])) == hist.Comparison(0, 1, 1)
    assert hist.chi2_test(binned([0, 5, 0, 0, 0]), binned([0, 7, 0, 0, 0])).pvalue == 1


def test_the_scale_of_the_weights_does_not_matter():
    n, w = binned([10, 20, 30, 25, 15]), binned([8, 22, 33, 24, 13]) * 0.37
    assert hist.chi2_test(n, w).statistic == pytest.approx(hist.chi2_test(n, w * 1e-6).statistic)
    assert hist.chi2_test(n * 0.5, w).statistic == pytest.approx(hist.chi2_test(n * 7, w).statistic)
    assert math.isfinite(hist.chi2_test(n, binned([8, 22, 0, 24, 13]) * 0.5).statistic)


@pytest.mark.slow
def test_chi2_of_equal_distributions_has_a_flat_p_value():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(1500):
        data = pl.DataFrame({"n": rng.integers(0, 5, 300)})
        simulation = pl.DataFrame({"n": rng.integers(0, 5, 600), "w": rng.exponential(1, 600)})
        found.append(hist.chi2_test(hist.fill(data, N), hist.fill(simulation, N, weight="w")))
    assert np.mean([f.statistic for f in found]) == pytest.approx(4, abs=0.25)
    assert np.mean([f.pvalue < 0.05 for f in found]) == pytest.approx(0.05, abs=0.02)


def test_kolmogorov_smirnov_with_and_without_weights():
    plain = hist.ks_test(A, B)
    assert plain.statistic == pytest.approx(scipy.stats.ks_2samp(A, B).statistic)
    found = hist.ks_test(A, B, weights=WEIGHTS)
    assert (found.statistic, found.pvalue) == pytest.approx((0.462121, 0.727113), abs=1e-6)
    assert hist.ks_test(A, A) == hist.Comparison(0, 1)
    assert hist.ks_test([1, 1, 1], [1, 1]).statistic == 0  # ties
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=5000), rng.normal(0.03, 1, size=5000)
    assert hist.ks_test(x, y).pvalue == pytest.approx(
        scipy.stats.ks_2samp(x, y, method="asymp").pvalue, rel=0.05
    )


def test_cramer_von_mises_with_and_without_weights():
    plain = hist.cramer_von_mises_test(A, B)
    scipys = scipy.stats.cramervonmises_2samp(A, B, method="asymptotic")
    assert plain.statistic == pytest.approx(scipys.statistic) == pytest.approx(0.0575758, abs=1e-6)
    assert hist.cramer_von_mises_test(A, B, weights=WEIGHTS).statistic == pytest.approx(0.1401601, abs=1e-6)
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.03, 0.06):
        x, y = rng.normal(size=4000), rng.normal(shift, 1, size=4000)
        expected = scipy.stats.cramervonmises_2samp(x, y, method="asymptotic").pvalue
        assert hist.cramer_von_mises_test(x, y).pvalue == pytest.approx(expected, abs=0.01)
    assert hist.cramer_von_mises_test(A, A) == hist.Comparison(0, 1)
    assert hist.cramer_von_mises_test(np.zeros(500), np.ones(500)).pvalue == pytest.approx(0, abs=1e-12)


def test_the_five_percent_point_of_cramer_von_mises():
    from scipy import special

    from icecol.hist.comparison import _cramer_von_mises_tail

    assert _cramer_von_mises_tail(0.46136, special) == pytest.approx(0.05, abs=1e-6)
    assert _cramer_von_mises_tail(0.01, special) == pytest.approx(0.999994, abs=1e-6)


def test_samples_of_histograms_are_their_entries():
    x = hist.regular("x", 2, 0, 1)
    a, b = (
        hist.fill(pl.DataFrame({"x": v, "w": w}), x, weight="w", statistics=True)
        for v, w in zip((A, B), WEIGHTS, strict=True)
    )
    assert hist.ks_test(a, b) == hist.ks_test(A, B, weights=WEIGHTS)
    with pytest.raises(ValueError, match="does not hold the entries of one axis"):
        hist.ks_test(a[:], b)
    with pytest.raises(ValueError, match="no entries"):
        hist.ks_test([math.nan], B)
    with pytest.raises(ValueError, match="there are 5 values, but 6 weights"):
        hist.ks_test(A, B, weights=(WEIGHTS[1], None))
    assert hist.ks_test([*A, math.nan], B) == hist.ks_test(A, B)


def test_shapes_need_equal_axes_and_contents():
    with pytest.raises(ValueError, match="different axes"):
        hist.chi2_test(binned([1, 1, 1, 1, 1]), hist.fill(pl.DataFrame({"n": [1]}), hist.integer("n", 0, 4)))
    with pytest.raises(ValueError, match="positive sum; found 5 and 0"):
        hist.chi2_test(binned([1, 1, 1, 1, 1]), binned([0] * 5))


def test_without_scipy_the_error_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.special", None)
    with pytest.raises(
        MissingDependencyError,
        match=r"ks_test needs scipy: .*its extra \[stats\]",
    ):
        hist.ks_test(A, B)

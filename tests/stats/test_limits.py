"""CLs and limits against pyhf and independent values; sensitivities and Feldman-Cousins against counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, poisson

from icecol import stats

FIXED = stats.Parameter(fixed=True)


def counting(s: float, b: float) -> stats.Model:
    return stats.Model({"signal": [float(s)], "background": [float(b)]}, {"background": FIXED}, "poisson")


@pytest.mark.parametrize(
    ("n", "s", "b", "mu", "asymptotic", "exact"),
    [
        (3, 5, 3, 1, 0.042504, 0.065479),
        (5, 5, 3, 1, 0.156378, 0.208754),
        (0, 5, 3, 1, 0.003425, 0.006738),
        (12, 10, 10, 1, 0.037590, 0.049285),
        (10, 10, 10.6, 0.8, 0.033162, 0.044231),
    ],
)
def test_cls_of_a_count(n, s, b, mu, asymptotic, exact):
    made = counting(s, b)
    assert made.cls([n], "signal", mu).observed == pytest.approx(asymptotic, abs=1e-6)
    found = made.cls([n], "signal", mu, method="pseudo-experiments", n=20_000)
    assert found.cl_sb == pytest.approx(poisson.cdf(n, mu * s + b), abs=4 * np.sqrt(found.cl_sb / 20_000))
    assert found.cl_b == pytest.approx(poisson.cdf(n, b), abs=4 * np.sqrt(found.cl_b / 20_000))
    assert found.observed == pytest.approx(exact, abs=5 * np.sqrt(found.cl_sb / 20_000) / found.cl_b)
    assert found.observed == found.cl_sb / found.cl_b


def test_the_expected_band_of_pseudo_experiments_is_that_of_the_counts():
    b, s = 6.0, 5.0
    found = counting(s, b).cls([6], "signal", 1.0, method="pseudo-experiments", n=60_000)
    for z, band in zip((-2, -1, 0, 1, 2), found.expected, strict=True):
        n = poisson.ppf(norm.cdf(z), b)  # so few in that many cases, or fewer
        exact = poisson.cdf(n, s + b) / poisson.cdf(n, b) if n < s + b else 1.0  # there q is 0, as above
        assert band == pytest.approx(exact, rel=0.15)
    with pytest.raises(ValueError, match="'asymptotic' or 'pseudo-experiments'"):
        counting(s, b).cls([6], "signal", 1.0, method="toys")


def test_upper_limit_and_its_band():
    found = counting(5, 3).upper_limit([3], "signal")
    assert found.observed == pytest.approx(0.955857, abs=1e-5)
    assert found.expected == pytest.approx((0.4415, 0.6301, 0.9559, 1.4936, 2.2772), abs=1e-4)
    assert counting(5, 3).cls([3], "signal", found.observed).observed == pytest.approx(0.05, abs=1e-6)


def test_an_unbounded_norm_is_an_error():
    with pytest.raises(ValueError, match="do not bound 'signal'"):
        stats.Model({"signal": [0.0], "background": [3.0]}, {"background": FIXED}).upper_limit([3], "signal")


@pytest.mark.parametrize(("b", "sensitivity", "discovery"), [(3, 3.6808, 12.668), (10.6, 4.8066, 20.067)])
def test_sensitivity_of_a_count(b, sensitivity, discovery):
    made = counting(1, b)
    assert stats.sensitivity(made, "signal", n=4_000) == pytest.approx(sensitivity, rel=0.05)
    threshold = made.test([{3: 16, 10.6: 31}[b] - 0.5], "signal").statistic
    assert stats.sensitivity(made, "signal", power=0.5, threshold=threshold, n=4_000) == pytest.approx(
        discovery, rel=0.04
    )


@pytest.mark.slow
def test_feldman_cousins_by_pseudo_experiments_is_that_by_enumeration():
    low, high = stats.feldman_cousins(6, 2.0)
    step = 0.3
    found = stats.interval(counting(1, 2), [6], "signal", np.arange(0, 12, step), n=4_000)
    assert found == pytest.approx((low, high), abs=step)
    with pytest.raises(ValueError, match="no value of the grid"):
        stats.interval(counting(1, 2), [6], "signal", [30.0], n=100)
    with pytest.raises(ValueError, match="confidence level"):
        stats.interval(counting(1, 2), [6], "signal", [3.0], level=90, n=100)

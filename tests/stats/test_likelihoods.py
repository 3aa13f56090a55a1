"""`likelihoods`, `gamma_poisson`, `bins`: values computed independently; limits, sums and integrals that must agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from each import each
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import gamma, poisson

from icecol import stats
from icecol.stats import bins
from icecol.stats.gamma_poisson import KINDS

ORDER = (
    "poisson",
    "effective",
    "effective_mean",
    "effective_mode",
    "barlow_beeston",
    "barlow_beeston_poisson",
)

TABLE = [
    (0, 0.1, 0.01, -0.10000, -0.10095, -0.09995, -0.10094, -0.09995, -0.09995),
    (0, 1, 0.1, -1.00000, -1.00498, -0.99503, -1.00493, -0.99500, -0.99503),
    (0, 2.5, 1, -2.50000, -2.43942, -2.10295, -2.44364, -2.00000, -2.10295),
    (1, 0.1, 0.05, -2.40259, -2.22760, -2.42605, -2.25434, -2.31979, -2.31033),
    (1, 1, 0.2, -1.00000, -1.01974, -1.01974, -1.01902, -1.00000, -1.00000),
    (1, 3, 1.5, -1.90139, -2.03594, -1.69947, -2.01294, -1.52687, -1.58375),
    (2, 0.5, 0.5, -2.57944, -1.90954, -2.60269, -2.03704, -2.11302, -2.00000),
    (2, 2, 0.3, -1.30685, -1.32894, -1.32894, -1.32848, -1.30685, -1.30685),
    (3, 1, 1, -2.79176, -2.07944, -2.77259, -2.16054, -2.14384, -2.01917),
    (3, 3, 0.1, -1.49592, -1.49759, -1.49759, -1.49758, -1.49592, -1.49592),
    (4, 6, 2, -2.01102, -2.20114, -2.05804, -2.18600, -1.86223, -1.87133),
    (5, 5, 1, -1.74030, -1.83202, -1.83202, -1.82888, -1.74030, -1.74030),
    (7, 3, 1, -3.83487, -3.23601, -3.52369, -3.27151, -3.29956, -3.23196),
    (10, 10, 3, -2.07856, -2.40304, -2.40304, -2.38412, -2.07856, -2.07856),
    (10, 5, 2, -4.01003, -3.15273, -3.52046, -3.19740, -3.13973, -3.03451),
    (20, 15, 1.5, -3.17461, -3.11620, -3.15876, -3.11664, -3.06997, -3.06746),
    (28, 10.6, 4.2, -12.38583, -5.67724, -6.38299, -5.91851, -6.44543, -5.52953),
    (28, 12.1, 3.4, -10.17999, -6.00462, -6.50056, -6.12616, -6.45903, -5.91277),
    (50, 40, 5, -4.03379, -3.76516, -3.85696, -3.76687, -3.58405, -3.56773),
    (102, 90, 12, -3.99888, -3.95879, -4.03765, -3.95683, -3.52885, -3.51951),
]
"""k, mu, sigma, and ln L of each kind."""


@each("row", TABLE)
def test_values_computed_independently(row):
    k, mu, sigma, *expected = row
    found = [float(stats.log_likelihood(k, mu, sigma**2, kind)) for kind in ORDER]
    assert found == pytest.approx(expected, abs=6e-6)


def test_the_table_has_every_kind():
    assert set(ORDER) == set(KINDS)


def by_sum(k: int, shape: float, rate: float) -> float:
    """The Poisson distribution averaged over a gamma distribution, as a sum of small terms."""
    terms = [math.log((shape + j) / (1 + rate)) for j in range(k)]
    return math.fsum([*terms, -shape * math.log1p(1 / rate), -math.lgamma(k + 1)])


@given(st.integers(0, 200), st.floats(0.01, 300), st.floats(-9, 0.5))
def test_no_digits_are_lost_however_large_the_simulation(k, mu, log_relative):
    s2 = (mu * 10**log_relative) ** 2
    for kind, more in (("effective", 1), ("effective_mean", 0)):
        expected = by_sum(k, mu**2 / s2 + more, mu / s2)
        assert float(stats.log_likelihood(k, mu, s2, kind)) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("k", [0, 1, 5, 40])
@pytest.mark.parametrize("mu", [0.3, 5.0, 33.0])
def test_effective_likelihood_is_an_integral_over_a_gamma_distribution(k, mu):
    s2 = (0.4 * mu) ** 2
    prior = gamma(mu**2 / s2 + 1, scale=s2 / mu)
    value, _ = integrate.quad(
        lambda x: poisson.pmf(k, x) * prior.pdf(x), 0, 20 * mu + 50, epsabs=0, limit=500
    )
    assert float(stats.log_likelihood(k, mu, s2)) == pytest.approx(math.log(value), abs=1e-7)


@pytest.mark.parametrize("kind", ORDER[:4])
def test_probabilities_of_a_mixture_sum_to_one(kind):
    total = np.exp(stats.log_likelihood(np.arange(400), 7.0, 9.0, kind)).sum()
    assert total == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("kind", ORDER)
@pytest.mark.parametrize("k", [0.0, 1.0, 6.0, 6.3])
@pytest.mark.parametrize(("mu", "s2"), [(0.2, 0.5), (4.0, 1.0), (7.0, 1e-6), (5.0, 30.0), (60.0, 20.0)])
def test_slopes_are_those_of_the_values(kind, k, mu, s2):
    def log(mu: float, s2: float) -> float:
        return float(stats.log_likelihood(k, mu, s2, kind))

    in_mu, in_s2 = bins.slopes(KINDS[kind], np.array([k]), np.array([mu]), np.array([s2]))
    h, g = 1e-5 * mu, 1e-4 * s2
    assert in_mu[0] == pytest.approx((log(mu + h, s2) - log(mu - h, s2)) / (2 * h), rel=1e-5, abs=1e-6)
    scale = max(abs(in_s2[0]), 1.0) * s2
    assert in_s2[0] * s2 == pytest.approx(
        s2 * (log(mu, s2 + g) - log(mu, s2 - g)) / (2 * g), rel=1e-4, abs=1e-7 * max(1, scale)
    )


@pytest.mark.parametrize("kind", ORDER)
@pytest.mark.parametrize("s2", [0.0, 1e-300, 1e-34, 1e-20])
def test_a_large_simulation_gives_the_poisson_likelihood_and_its_slope(kind, s2):
    for k in (0, 3, 700):
        assert float(stats.log_likelihood(k, 5.0, s2, kind)) == pytest.approx(
            poisson.logpmf(k, 5.0), rel=1e-12
        )
        in_mu, _ = bins.slopes(KINDS[kind], np.array([float(k)]), np.array([5.0]), np.array([s2]))
        assert in_mu[0] == pytest.approx(k / 5 - 1, rel=1e-10)


@pytest.mark.parametrize(("kind", "sigma_of"), [("barlow_beeston", 0), ("barlow_beeston_poisson", 1)])
def test_barlow_beeston_is_the_maximum_over_the_factor(kind, sigma_of):
    b = np.linspace(1e-6, 5, 500_001)
    for k, mu, s2 in ((0, 1.0, 4.0), (2, 3.0, 1.0), (9, 2.0, 3.0)):
        log = poisson.logpmf(k, b * mu)
        events = mu**2 / s2
        log += (events * (np.log(b) - b + 1)) if sigma_of else -((b - 1) ** 2) * events / 2
        assert float(stats.log_likelihood(k, mu, s2, kind)) == pytest.approx(log.max(), abs=1e-5)


@pytest.mark.parametrize("kind", ORDER)
def test_where_nothing_is_expected_nothing_may_be_seen(kind):
    assert stats.log_likelihood([0, 1, 0, 2], [0.0, 0.0, -1.0, -1.0], 0.5, kind).tolist() == [
        0,
        -math.inf,
        0,
        -math.inf,
    ]


def test_deviance_of_a_worked_example_and_its_limits():
    k, mu = np.array([3, 0, 5, 12, 1]), np.array([2.5, 0.4, 6.1, 9.8, 2])
    assert stats.poisson_deviance(k, mu).sum() == pytest.approx(2.179709, abs=5e-7)
    assert ((k - mu) ** 2 / mu).sum() == pytest.approx(1.692238, abs=5e-7)
    assert stats.poisson_deviance([0, 4, 1], [3.0, 4.0, 0.0]).tolist() == [6, 0, math.inf]


@pytest.mark.parametrize(
    ("mu", "mean", "variance"),
    [
        (0.1, 0.474, 0.860),
        (0.5, 1.007, 0.730),
        (1, 1.147, 1.365),
        (2, 1.139, 2.233),
        (5, 1.047, 2.267),
        (10, 1.019, 2.088),
    ],
)
def test_deviance_is_not_chi_squared_for_small_expectations(mu, mean, variance):
    k = np.arange(200)
    p, q = poisson.pmf(k, mu), stats.poisson_deviance(k, mu)
    assert ((p * q).sum(), (p * q**2).sum() - (p * q).sum() ** 2) == pytest.approx((mean, variance), abs=6e-4)


def test_what_is_no_count_is_refused():
    with pytest.raises(ValueError, match=r"found -1.0 in bin \[1\]"):
        stats.log_likelihood([1, -1], 2.0)
    with pytest.raises(ValueError, match="nan in bin"):
        stats.log_likelihood(math.nan, 2.0)
    with pytest.raises(ValueError, match="variances finite and not negative"):
        stats.log_likelihood(1, 2.0, -1.0)
    with pytest.raises(ValueError, match="did you mean 'effective'"):
        stats.log_likelihood(1, 2.0, 1.0, "efective")

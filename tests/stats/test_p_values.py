"""Significances: published and independently computed values, and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm, poisson

from icecol import stats


@pytest.mark.parametrize(("z", "p"), [(3, 1.3499e-3), (4, 3.1671e-5), (5, 2.8665e-7)])
def test_one_sided_sigmas(z, p):
    assert stats.p_value(z) == pytest.approx(p, rel=2e-5)
    assert stats.significance(p) == pytest.approx(z, abs=1e-4)
    assert stats.p_value(z, sided=2) == pytest.approx(2 * p, rel=2e-5)
    assert stats.significance(2 * p, sided=2) == pytest.approx(z, abs=1e-4)


def test_both_readings_of_five_in_ten_million():
    assert stats.significance(5e-7) == pytest.approx(4.89, abs=5e-3)
    assert stats.significance(5e-7, sided=2) == pytest.approx(5.03, abs=5e-3)


@pytest.mark.parametrize(
    ("on", "off", "alpha", "z"),
    [
        (10, 10, 0.5, 1.534816),
        (28, 50, 0.2, 4.090215),
        (100, 500, 0.1, 5.849426),
        (5, 0, 0.5, 3.314532),
        (0, 5, 0.5, -2.013616),
        (0, 0, 0.5, 0),
        (5, 10, 0.5, 0),
    ],
)
def test_li_ma(on, off, alpha, z):
    assert stats.li_ma(on, off, alpha) == pytest.approx(z, abs=1e-6)


@pytest.mark.parametrize(
    ("s", "b", "sb", "z"),
    [
        (1, 1, 0, 0.878970),
        (5, 1, 0, 3.391329),
        (5, 10, 0, 1.471038),
        (10, 100, 0, 0.983992),
        (17.4, 10.6, 0, 4.426695),
        (5, 10, 1, 1.392856),
        (5, 10, 3, 1.031272),
        (17.4, 10.6, 4.3, 2.386039),
    ],
)
def test_asimov(s, b, sb, z):
    assert stats.asimov(s, b, sb) == pytest.approx(z, abs=1e-6)


@pytest.mark.parametrize(("s", "b", "sb"), [(5, 10, 1), (17.4, 10.6, 4.3), (300, 20, 7)])
def test_asimov_with_an_uncertain_background_is_li_ma_of_expected_counts(s, b, sb):
    alpha = sb**2 / b
    assert stats.asimov(s, b, sb) == pytest.approx(stats.li_ma(s + b, b / alpha, alpha), rel=1e-9)
    assert stats.asimov(s, b, 1e-4) == pytest.approx(stats.asimov(s, b), rel=1e-6)


@pytest.mark.parametrize(
    ("n", "exact", "smeared", "cut"), [(28, 6.518e-6, 6.96e-3, 3.25e-3), (26, 4.57e-5, 0.0126, 0.00732)]
)
def test_counting_p_values(n, exact, smeared, cut):
    assert stats.counting_p_value(n, 10.6) == pytest.approx(exact, rel=1e-3)
    assert stats.counting_p_value(n, 10.6, 4.3) == pytest.approx(smeared, rel=5e-3)
    assert stats.counting_p_value(n, 10.6, 4.3, prior="normal") == pytest.approx(cut, rel=5e-3)


@pytest.mark.parametrize("prior", ["gamma", "normal"])
def test_a_smeared_p_value_is_what_draws_of_the_background_give(prior):
    rng = np.random.default_rng(1)
    b = rng.gamma(4.0, 1.0, 400_000) if prior == "gamma" else rng.normal(4.0, 2.0, 400_000)
    share = (rng.poisson(b[b > 0]) >= 9).mean()
    found = stats.counting_p_value(9, 4.0, 2.0, prior=prior)
    assert found == pytest.approx(share, abs=4 * np.sqrt(share / 400_000))


def test_a_normal_background_is_averaged_over_all_of_it():
    def mean(f):
        return integrate.quad(lambda b: f(b) * norm.pdf(b, 10.6, 4.3), 0, 80, epsabs=0, limit=500)[0]

    exact = mean(lambda b: poisson.sf(27, b)) / mean(lambda b: 1.0)
    assert stats.counting_p_value(28, 10.6, 4.3, prior="normal") == pytest.approx(exact, rel=1e-8)


def test_at_least_none_is_certain():
    assert stats.counting_p_value(0, 3.0) == 1
    assert stats.counting_p_value(0, 3.0, 1.0) == 1
    assert stats.counting_p_value(1, 0.0, 1.0) == 0


def test_three_and_a_bit_combined_with_nearly_three_sigma():
    p = stats.combined_p_value(stats.p_value([3.3, 2.8]))
    assert p == pytest.approx(1.80e-5, rel=3e-3)
    assert stats.significance(p) == pytest.approx(4.13, abs=5e-3)


def test_trials_raise_a_p_value_without_loss_of_digits():
    assert stats.global_p_value(0.5, 2) == 0.75
    assert stats.global_p_value(1e-20, 1e6) == pytest.approx(1e-14)
    assert stats.global_p_value(1.0, 10) == 1
    with pytest.raises(ValueError, match="at least 1"):
        stats.global_p_value(0.1, 0.5)


@pytest.mark.parametrize(
    ("b", "median", "s", "threshold", "s50", "s90"),
    [
        (1, 1, 2.8897, 10, 8.669, 13.206),
        (3, 3, 3.6808, 16, 12.668, 18.292),
        (10.6, 10, 4.8066, 31, 20.067, 27.715),
    ],
)
def test_sensitivity_and_discovery_potential_of_counts(b, median, s, threshold, s50, s90):
    assert stats.counting_sensitivity(b) == pytest.approx(s, abs=1e-4)
    assert poisson.sf(median, b + s) == pytest.approx(0.9, abs=1e-4)
    assert poisson.sf(threshold - 1, b) <= 2.8665e-7 < poisson.sf(threshold - 2, b)
    assert stats.counting_discovery_potential(b) == pytest.approx(s50, abs=1e-3)
    assert stats.counting_discovery_potential(b, power=0.9) == pytest.approx(s90, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.significance(1.5), "between 0 and 1"),
        (lambda: stats.li_ma(-1, 2, 0.5), "counts must not be negative"),
        (lambda: stats.li_ma(1, 2, 0), "alpha must be positive"),
        (lambda: stats.asimov(1, 0), "background must be positive"),
        (lambda: stats.counting_p_value(3, -1), "must not be negative"),
        (lambda: stats.counting_p_value(3, 1, 1, prior="flat"), "'gamma' or 'normal'"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

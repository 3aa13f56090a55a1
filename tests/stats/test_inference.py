"""`inference`, `trials`: pseudo-experiments, importance sampling and asymptotics, against an enumeration of counts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_models import AXES, full_model, sample

from icecol import stats
from icecol.stats import draws
from icecol.stats.inference import statistic
from icecol.stats.report import sampled

FIXED = stats.Parameter(fixed=True)
MODEL = stats.Model(
    {"signal": [2.0, 3.0, 3.0], "background": [20.0, 5.0, 1.0]}, {"background": FIXED}, "poisson"
)
TAILS = {
    1: (0.139046, 0.158655),
    4: (1.93362e-2, 2.27501e-2),
    9: (1.12462e-3, 1.34990e-3),
    16: (2.56970e-5, 3.16712e-5),
    25: (2.29965e-7, 2.86652e-7),
}
"""q0, its exact tail probability by enumeration, and the asymptotic one."""


@pytest.fixture(scope="module")
def plain() -> stats.Trials:
    return MODEL.pseudo_experiments(40_000, "signal", seed=1)


@pytest.fixture(scope="module")
def weighted() -> stats.Trials:
    return MODEL.pseudo_experiments(40_000, "signal", seed=1, strengths=(0, 1, 2, 3, 4))


@pytest.mark.parametrize("q", [1, 4, 9])
def test_pseudo_experiments_agree_with_enumeration(plain, q):
    p, low, high = plain.p_value(q)
    exact = TAILS[q][0]
    assert abs(p - exact) < 4 * math.sqrt(exact / 40_000)
    assert low < p < high


@pytest.mark.parametrize("q", TAILS)
def test_importance_sampling_reaches_five_sigma(weighted, q):
    p, low, high = weighted.p_value(q)
    assert abs(p - TAILS[q][0]) < 4 * (high - low) / 2
    assert high - low < 0.1 * p


@pytest.mark.parametrize("q", TAILS)
def test_asymptotic_tail(q):
    assert float(stats.p_value(math.sqrt(q))) == pytest.approx(TAILS[q][1], rel=1e-5)


def test_statistic_of_every_count_is_the_likelihood_ratio():
    s, b = np.array([2.0, 3.0, 3.0]), np.array([20.0, 5.0, 1.0])
    grid = np.linspace(0, 8, 160_001)
    for data in ((20, 5, 1), (24, 11, 6), (10, 9, 3), (0, 0, 0)):
        mu = grid[:, None] * s + b
        log = (np.array(data) * np.log(mu) - mu).sum(axis=1)
        assert MODEL.test(data, "signal").statistic == pytest.approx(2 * (log.max() - log[0]), abs=1e-6)


def test_trials_are_the_same_for_any_number_of_threads():
    one, four = (MODEL.pseudo_experiments(5000, "signal", seed=7, threads=n) for n in (1, 4))
    assert (one.statistics == four.statistics).all()
    assert not (one.statistics == MODEL.pseudo_experiments(5000, "signal", seed=8).statistics).all()
    assert (MODEL.pseudo_experiments(3000, "signal", seed=7).statistics == one.statistics[:3000]).all()


def test_a_background_of_10_with_an_error_of_3_is_measured_off_source():
    off, alpha = 100 / 9, 0.9  # alpha * off = 10, and its error is alpha * sqrt(off) = sqrt(10 * 0.9)
    assert stats.li_ma(20, off, alpha) == pytest.approx(1.896906, abs=1e-6)
    assert stats.p_value(stats.li_ma(20, off, alpha)) == pytest.approx(0.0289201, abs=1e-7)
    made = stats.Model(
        {"signal": [5.0], "background": ([10.0], [9.0])},
        {"background": stats.Parameter(fixed=True)},
        "barlow_beeston_poisson",
    )
    found = made.test([20], "signal")
    assert found.significance == pytest.approx(1.896906, abs=1e-5)
    assert found.p == pytest.approx(0.0289201, abs=1e-6)


def test_a_gaussian_constraint_is_close_to_one_off_source_but_not_the_same():
    made = stats.Model(
        {"signal": [5.0], "background": [10.0]},
        {"background": stats.Parameter(prior=(1.0, 0.3), lower=0.0)},
        "poisson",
    )
    found = made.test([20], "signal")
    b = np.linspace(0, 40, 400_001)
    at_null = (20 * np.log(np.maximum(b, 1e-9)) - b - ((b - 10) / 3) ** 2 / 2).max()
    assert found.statistic == pytest.approx(2 * (20 * np.log(20) - 20 - at_null), abs=1e-6)
    assert found.p == pytest.approx(float(stats.p_value(math.sqrt(found.statistic))))
    assert found.expected == pytest.approx(10)
    assert found.error == pytest.approx((3.0, 3.0))


def test_nuisances_are_drawn_and_fitted():
    made = stats.Model(
        {"signal": [1.0], "background": [100.0]},
        {"background": stats.Parameter(prior=(1.0, 0.2), lower=0.0)},
        "poisson",
    )
    q = made.pseudo_experiments(20_000, "signal").statistics
    assert (q > 1).mean() == pytest.approx(0.1587, abs=0.01)
    assert (q > 4).mean() == pytest.approx(0.0228, abs=0.005)


def test_the_tail_is_extrapolated_only_if_asked_for(plain):
    start = np.quantile(plain.statistics, 0.99)
    slope = (plain.statistics[plain.statistics > start] - start).mean()
    assert slope == pytest.approx(1.70, abs=0.2)
    for q, (expected, true) in {16: (1.7e-5, 2.6e-5), 25: (8.7e-8, 2.3e-7)}.items():
        found = plain.extrapolated(q)
        share = (plain.statistics > start).mean()
        assert found == pytest.approx(share * np.exp(-(q - start) / slope))
        assert expected / 2.5 < found < 2.5 * expected  # 400 trials say no more
        assert 1 / 6 < found / true < 2
    with pytest.raises(ValueError, match="use p_value"):
        plain.extrapolated(1.0)
    said = str(MODEL.test([24, 11, 6], "signal", method="extrapolated", n=4000))
    assert "(extrapolated, q0 = 17.5)" in said


def test_each_method_says_what_it_did():
    data = [24, 11, 6]
    asymptotic, sampled, weighted = (
        MODEL.test(data, "signal", method=m, n=4000)
        for m in ("asymptotic", "pseudo-experiments", "importance")
    )
    assert (
        str(asymptotic)
        == "41 observed, 26.0 expected without signal, p = 1.4e-05, 4.2 sigma one-sided (asymptotic, q0 = 17.5)"
    )
    assert "4000 pseudo-experiments" in str(sampled)
    assert "importance sampling" in str(weighted)
    assert weighted.p == pytest.approx(1.15e-5, rel=0.15)
    none = MODEL.test([20, 5, 30], "signal", method="pseudo-experiments", n=500)
    assert "p < 4.6e-03 at 90 %, more than 2.6 sigma" in str(none)


@pytest.mark.parametrize(
    ("p", "low", "high", "said"),
    [
        (2.3e-3, 2.2e-3, 2.4e-3, "p = (2.30 +0.10 -0.10)e-03"),
        (0.023, 0.022, 0.024, "p = 0.0230 +0.0010 -0.0010"),
        (0.0, 0.0, 0.1, "p < 2.3e-03 at 90 %"),
    ],
)
def test_a_sampled_p_value_in_words(p, low, high, said):
    assert sampled(p, low, high, 1000) == said


def test_a_free_index_has_no_asymptotic_p_value():
    made = full_model("poisson")
    data = made.expected(astro=0.3).round()
    with pytest.raises(ValueError, match="'index' means nothing"):
        made.test(data, "astro")
    sampled = made.test(data, "astro", method="pseudo-experiments", n=4000)
    weighted = made.test(data, "astro", method="importance", n=4000, seed=1)
    spread = np.hypot(*(np.subtract(*t.p_interval[::-1]) / 2 for t in (sampled, weighted)))
    assert 1e-4 < weighted.p < 0.2
    assert abs(sampled.p - weighted.p) < 3.5 * spread


def test_trials_with_a_free_index_are_those_of_single_fits_on_any_number_of_threads():
    astro = stats.events(sample(), *AXES, weight="weight", powers={"index": pl.col("energy") / 1e5})
    made = stats.Model({"astro": astro, "rest": np.linspace(0.2, 4, 8).reshape(4, 2)}, likelihood="poisson")
    one, three = (made.pseudo_experiments(300, "astro", seed=3, threads=n).statistics for n in (1, 3))
    assert (one == three).all()
    mu = made.expectation(made.vector({"astro": 0.0}))[0]
    for trial in range(0, 300, 30):
        q, _, _ = statistic(made, draws.counts(3, trial, mu), made.centers, "astro", 0.0, 1)
        assert one[trial] == pytest.approx(q, abs=1e-7)


def test_two_free_indices_in_a_component_are_fitted_one_by_one():
    frame = sample().with_columns(hardness=pl.col("cos") + 2)
    made = stats.Model(
        {
            "astro": stats.events(
                frame, *AXES, weight="weight", powers={"a": pl.col("energy") / 1e5, "b": pl.col("hardness")}
            ),
            "rest": np.full((4, 2), 2.0),
        },
        likelihood="poisson",
    )
    data = made.expected(astro=3.0).round()
    found = made.test(data, "astro", method="pseudo-experiments", n=10)
    assert found.p <= 0.2
    with pytest.raises(ValueError, match="at most one free index"):
        made.test(data, "astro", method="importance", n=20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "toys"}, "method must be"),
        ({"method": "pseudo-experiments", "n": 0}, "must be positive"),
        ({"method": "importance", "strengths": (1, 2)}, "first of the strengths"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MODEL.test([24, 11, 6], "signal", **options)


def test_events_where_the_hypothesis_expects_none_are_an_error_and_not_infinitely_significant():
    made = stats.Model({"signal": [1.0, 1.0], "background": [3.0, 0.0]})
    with pytest.raises(
        ValueError, match=r"bin \(1,\) has 2 events, but none is expected there at signal = 0"
    ):
        made.test([3, 2], "signal")
    assert made.fit([3, 2]).values["signal"] == pytest.approx(2, abs=1e-3)


@pytest.mark.slow
def test_coverage_of_profile_limits_by_simulation_at_five_points():
    from scipy.stats import chi2

    n = 100_000
    made = stats.Model(
        {"signal": [1.0, 3.0, 1.0], "background": [9.0, 4.0, 2.0]},
        {"background": stats.Parameter(prior=(1.0, 0.2), lower=0.0)},
        "poisson",
    )
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    for value in (0.5, 1.0, 2.0, 4.0, 8.0):
        both = made.pseudo_experiments(n, "signal", value, side="both", seed=1).statistics
        limit = made.pseudo_experiments(n, "signal", value, side="limit", seed=2).statistics
        shares = (both < chi2.isf(1 - 0.682689, 1)).mean(), (limit < stats.significance(0.05) ** 2).mean()
        assert f"| {value:g} | {shares[0]:.4f} | {shares[1]:.4f} |" in page
        assert shares[0] == pytest.approx(0.6827, abs=0.02)
        assert 0.94 < shares[1] < (0.955 if value >= 1 else 1)


def test_weighted_trials_give_no_probability_above_one():
    weights = np.log(np.array([1.001, 1.002, 1.0, 1.003]))
    trials = stats.Trials(np.zeros(4), weights, (0.0, 1.0))
    assert trials.p_value(0.0) == (1.0, 1.0, 1.0)
    assert trials.p_value(1.0) == (0.0, 0.0, 0.0)

"""The compiled maximum: as high as any that scipy finds, also where ln L has several maxima."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from made_models import KINDS, full_model
from scipy.optimize import minimize

from icecol import hist, stats
from icecol.stats import fitting


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [0.0, 0.3, 3.0])
@pytest.mark.slow
def test_no_start_of_scipy_leads_higher(kind, strength):
    made = full_model(kind)
    rng = np.random.default_rng(int(strength * 10))
    k = made.counts(rng.poisson(made.expected(astro=strength, index=1.7)))
    x, log = fitting.maximum(made, k, made.centers, {})
    cost, slope = fitting.objective(made, k, made.centers), fitting.gradient(made, k, made.centers)
    assert log == pytest.approx(-cost(x) / 2, abs=1e-6)
    for index in (0.5, 1.5, 2.5, 4.0):
        start = made.vector({"astro": 0.5, "index": index})
        found = minimize(
            cost, start, jac=slope, bounds=fitting.bounds(made), method="L-BFGS-B", options={"maxiter": 40}
        )
        assert log >= -found.fun / 2 - 1e-6


def two_peaks() -> stats.Model:
    """A signal that is in the first bin if it is soft, and in the last if it is hard."""
    frame = pl.DataFrame({"x": [0.5, 1.5, 2.5], "e": [0.1, 1.0, 10.0], "w": [1.0, 1.0, 1.0]})
    signal = stats.events(frame, hist.regular("x", 3, 0, 3), weight="w", powers={"index": pl.col("e")})
    return stats.Model(
        {"signal": signal, "background": [5.0, 5.0, 5.0]},
        {
            "background": stats.Parameter(fixed=True),
            "index": stats.Parameter(start=0.0, lower=-3.0, upper=3.0),
        },
        "poisson",
    )


@pytest.mark.parametrize(("data", "index"), [([12, 5, 6], 3.0), ([6, 5, 12], -3.0)])
def test_the_higher_of_two_maxima_is_found_from_a_norm_of_0(data, index):
    made = two_peaks()
    null, at_null = fitting.maximum(made, made.counts(data), made.centers, {"signal": 0.0})
    best, at_best = fitting.maximum(made, made.counts(data), made.centers, {}, null)
    assert np.sign(best[made.number("index")]) == np.sign(index)
    assert at_best > at_null + 2
    grid = [
        fitting.maximum(made, made.counts(data), made.centers, {"index": i})[1]
        for i in np.linspace(-3, 3, 61)
    ]
    assert at_best >= max(grid) - 1e-9


def test_a_signal_is_fitted_where_its_start_expects_less_than_nothing_more():
    made = two_peaks()
    found = made.fit([4, 1, 9])  # at the index it starts from, the background alone is more than is seen
    assert found.values["signal"] > 0
    assert found.values["index"] < -0.5


def test_parameters_stay_within_their_bounds():
    made = stats.Model(
        {"a": [1.0, 2.0], "b": [2.0, 1.0]},
        {"a": stats.Parameter(lower=0.5, upper=1.5), "b": stats.Parameter(lower=0.9, upper=1.1)},
        "poisson",
    )
    for data, expected in (([30, 30], (1.5, 1.1)), ([0, 0], (0.5, 0.9)), ([0, 9], (1.5, 0.9))):
        x, _ = fitting.maximum(made, made.counts(data), made.centers, {})
        assert tuple(x) == expected


def test_a_fit_leaves_a_norm_of_0_where_the_curvature_has_no_sign():
    made = two_peaks()
    for seed in range(200):
        k = np.random.default_rng(seed).poisson(5.0, 3).astype(float)
        null, at_null = fitting.maximum(made, k, made.centers, {"signal": 0.0})
        best, at_best = fitting.maximum(made, k, made.centers, {}, null)
        assert at_best >= at_null - 1e-9
        low, high = fitting.bounds(made).T
        assert ((low <= best) & (best <= high)).all()

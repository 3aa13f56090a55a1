"""`kernels.pandel`, `pandel_table`: arrival times are IceTray's, a Gamma density folded with a Gaussian."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.reco.kernels.pandel import (
    H2,
    ICE_MODELS,
    SMALLEST,
    convoluted,
    fast_integral,
    integral,
    pandel,
    slopes,
    timing,
)
from icecol.reco.kernels.pandel_table import EXACT, LEAST_XI, MOST_XI, pandel_table

RHO, SCATTERING, P1, A0, A1, A2, _ = H2
XI = st.floats(0.02, 12)


def folded(t, xi, sigma):
    """Fold the Gamma density with a Gaussian by the trapezoid rule in log y, in which both ends fade."""
    low, high = -34 / xi, math.log(max(t, 0.0) + 9 * sigma)
    s = np.linspace(low, high, int((high - low) * max(t / sigma, 1.0, xi) * 5))
    y = np.exp(s)
    f = np.exp(xi * s - RHO * y - 0.5 * ((t - y) / sigma) ** 2).sum() * (s[1] - s[0])
    return f * RHO**xi / math.gamma(xi) / (math.sqrt(2 * math.pi) * sigma)


@pytest.fixture(scope="module")
def table(shared_data):
    """Yield distance, time residual and three values of IceTray's; the light comes from a vertical track."""
    found = json.loads((shared_data / "truth" / "icetray" / "pandel_pdf_table.json").read_text())
    cos = 1 / 1.3195
    return [((P1 * d + A0 + A1 * cos + A2 * cos * cos) / SCATTERING, *row) for d, *row in found["rows"]]


def test_values_are_those_of_icetray(table):
    assert len(table) == 378
    for xi, t, gauss, fast, plain in table:
        assert convoluted(t, xi, timing(RHO, 15.0), EXACT) == pytest.approx(gauss, rel=1e-10)
        assert fast_integral(t, xi, RHO, 15.0) == pytest.approx(fast, rel=2e-11, abs=1e-15)
        assert pandel(t, xi, RHO) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize(
    ("low", "high", "times", "accuracy"),
    [
        pytest.param(0.05, 5.0, (-5, 30), 1e-9, id="near"),
        pytest.param(1.01, 5.0, (30, 200), 2e-5, id="late"),
        pytest.param(5.01, 12.0, (-5, 200), 3e-5, id="far"),
        pytest.param(0.05, 1.0, (30, 200), 4e-3, id="close, late"),
        pytest.param(0.05, 1.0, (-8, -5), 4e-2, id="close, early"),
    ],
)
@pytest.mark.parametrize("sigma", [4.0, 15.0])
def test_each_region_is_as_accurate_as_it_says(low, high, times, accuracy, sigma):
    rng = np.random.default_rng(3)
    for _ in range(60):
        xi, t = rng.uniform(low, high), rng.uniform(*times) * sigma
        assert convoluted(t, xi, timing(RHO, sigma), EXACT) == pytest.approx(
            folded(t, xi, sigma), rel=accuracy
        )


@given(st.floats(-2000, 10000), XI, st.sampled_from([4.0, 15.0]))
def test_integrals_rise_from_0_to_1(t, xi, sigma):
    for f in (lambda t: integral(t, xi, RHO), lambda t: fast_integral(t, xi, RHO, sigma)):
        assert 0 <= f(t) <= 1
        assert f(-3000.0) == 0
        assert f(1e6) == pytest.approx(1, abs=1e-12)


@given(st.floats(1.0, 5000), XI)
def test_the_density_is_the_slope_of_its_integral(t, xi):
    h = 1e-4 * t
    slope = (integral(t + h, xi, RHO) - integral(t - h, xi, RHO)) / (2 * h)
    assert pandel(t, xi, RHO) == pytest.approx(slope, rel=1e-4, abs=1e-12 / h)


@given(st.floats(-1e5, 1e5), st.floats(-1, 30))
def test_a_density_with_jitter_has_a_logarithm(t, xi):
    assert convoluted(t, xi, timing(RHO, 15.0), EXACT) >= SMALLEST
    assert convoluted(0.0, 0.0, timing(RHO, 15.0), EXACT) == pytest.approx(
        1 / (math.sqrt(2 * math.pi) * 15.0)
    )


def test_nan_is_as_unlikely_as_can_be():
    assert convoluted(math.nan, 1.0, timing(RHO, 15.0), EXACT) == SMALLEST


@given(st.floats(-5, 30), st.floats(LEAST_XI, 5), st.sampled_from([4.0, 15.0]))
def test_the_table_is_good_to_3e_7(u, xi, sigma):
    t, blur, table = u * sigma, timing(RHO, sigma), pandel_table()
    p = convoluted(t, xi, blur, table)
    assert p == pytest.approx(convoluted(t, xi, blur, EXACT), rel=3e-7)
    assert p == pytest.approx(slopes(t, xi, blur, table)[0], rel=1e-12)


@pytest.mark.parametrize(
    ("low", "high", "times", "accuracy"),
    [
        pytest.param(0.07, 5.0, (-8, 200), 1e-6, id="near"),
        pytest.param(5.0, MOST_XI, (-8, 28), 1e-6, id="far"),
        pytest.param(5.0, 60.0, (30, 200), 5e-5, id="far, late"),
        pytest.param(MOST_XI, 60.0, (-8, 30), 5e-5, id="farther"),
    ],
)
@pytest.mark.parametrize("sigma", [4.0, 15.0])
def test_the_smooth_density_is_as_accurate_as_it_says_and_so_are_its_slopes(
    low, high, times, accuracy, sigma
):
    rng, blur, table = np.random.default_rng(4), timing(RHO, sigma), pandel_table()
    about = 20 * accuracy
    for _ in range(40):
        xi, t = rng.uniform(low, high), rng.uniform(*times) * sigma
        p, in_t, in_xi = slopes(t, xi, blur, table)
        h, k = 1e-3 * sigma, 1e-3 * xi
        before, after = folded(t - h, xi, sigma), folded(t + h, xi, sigma)
        less, more = folded(t, xi - k, sigma), folded(t, xi + k, sigma)
        assert p == pytest.approx(folded(t, xi, sigma), rel=accuracy)
        assert in_t == pytest.approx(math.log(after / before) / (2 * h), rel=about, abs=about / sigma)
        assert in_xi == pytest.approx(math.log(more / less) / (2 * k), rel=about, abs=about)


def test_the_smooth_density_is_0_long_before_the_light():
    assert slopes(-11 * 15.0, 1.0, timing(RHO, 15.0), pandel_table()) == (0, 0, 0)


@pytest.mark.parametrize(
    ("model", "decay", "scattering", "p1"),
    [("H0", 596.0, 36.93, 0.9045), ("H1", 578.0, 35.04, 0.8682), ("H2", 556.7, 33.29, 0.8395),
     ("H3", 542.2, 31.72, 0.8106), ("H4", 526.3, 29.94, 0.7790)],
)  # fmt: skip
def test_ice_models_are_those_of_ipdf(model, decay, scattering, p1):
    rho, length, slope, *_, tau = ICE_MODELS[model]
    assert (tau, length, slope) == (decay, scattering, p1)
    assert rho == pytest.approx(1 / decay + 0.2997924 / 1.35634 / 98.0, rel=1e-12)

from __future__ import annotations

import math

import numpy as np
import pytest

from icecol import units
from icecol.detector import medium
from icecol.sim import light, sources


def naive_path(dx, e):
    s = float(np.dot(dx, e))
    d = float(np.linalg.norm(np.asarray(dx) - s * np.asarray(e)))
    tan, sin = math.tan(medium.theta_cherenkov), math.sin(medium.theta_cherenkov)
    emitted = s - d / tan
    path = d / sin
    time = (emitted + path * medium.n_ice_group) / units.c
    return d, path, time, (dx[2] - emitted * e[2]) / path


@pytest.mark.parametrize("seed", range(5))
def test_cherenkov_path_is_that_of_emission_point_plus_group_velocity(seed):
    rng = np.random.default_rng(seed)
    dx = rng.normal(0, 200, 3)
    e = rng.normal(size=3)
    e /= np.linalg.norm(e)
    assert light.track_path(*dx, *e) == pytest.approx(naive_path(dx, e), rel=1e-12)


def test_light_travels_at_the_cherenkov_angle():
    assert light.sin_cherenkov == pytest.approx(math.sin(medium.theta_cherenkov))
    # a horizontal track along x, a sensor straight above: light comes up at sin(theta)
    _, _, _, upward = light.track_path(0.0, 0.0, 50.0, 1.0, 0.0, 0.0)
    assert upward == pytest.approx(math.sin(medium.theta_cherenkov))


def test_sensor_on_the_track_has_a_finite_path():
    assert light.track_path(30.0, 0.0, 0.0, 1.0, 0.0, 0.0) == pytest.approx((0, 0, 30 / units.c, 0))


def test_track_light_is_a_cone_close_by_and_fades_exponentially_far_away():
    near = light.track_light(2.0, 1000.0) / light.track_light(4.0, 1000.0)
    assert near == pytest.approx(2, rel=0.15)
    far = light.track_light(200.0, 1000.0) / light.track_light(233.0, 1000.0)
    assert far == pytest.approx(math.exp(33 / light.propagation) * math.sqrt(233 / 200), rel=1e-3)


@pytest.mark.parametrize("d", [100.0, 150.0, 200.0])
def test_far_away_a_track_shines_as_a_row_of_cascades_with_as_many_photons(d):
    s = np.linspace(-1500, 1500, 60_001)
    row = np.trapezoid([light.cascade_light(r, 1.0) for r in np.hypot(s, d)], s) / light.cascade_length
    bare = light.track_light(d, 0.0) / light.bare_muon
    assert row == pytest.approx(bare, rel=0.08)


def test_bare_muon_has_the_light_of_frank_and_tamm():
    # at a small distance: photons per m times area over the circumference of the cone
    assert light.photons == pytest.approx(3.26e4, rel=0.01)
    d, energy = 1.0, 0.0
    cone = light.photons * light.area * 1.22 / (2 * math.pi * d * light.sin_cherenkov)
    assert light.track_light(d, energy) == pytest.approx(cone, rel=0.1)


def test_cascade_light_is_inverse_square_close_by_and_linear_in_energy():
    assert light.cascade_light(1.0, 100.0) / light.cascade_light(2.0, 100.0) == pytest.approx(4, rel=0.1)
    assert light.cascade_light(50.0, 1000.0) == pytest.approx(10 * light.cascade_light(50.0, 100.0))


@pytest.mark.parametrize("r", [1.0, 30.0, 200.0])
def test_angular_profiles_are_one_on_average(r):
    cosine = np.linspace(-1, 1, 200_001)
    assert np.mean([light.cascade_profile(c, r) for c in cosine]) == pytest.approx(1, abs=1e-3)
    assert np.mean([light.acceptance(c, r) for c in cosine]) == pytest.approx(1, abs=1e-3)


def test_cascade_profile_peaks_at_the_cherenkov_angle():
    cosine = np.linspace(-1, 1, 2001)
    profile = [light.cascade_profile(c, 5.0) for c in cosine]
    assert cosine[np.argmax(profile)] == pytest.approx(1 / medium.n_ice_phase, abs=2e-3)


@pytest.mark.parametrize("d", [5.0, 40.0, 120.0])
def test_delays_follow_pandel(d):
    rng = np.random.default_rng(3)
    xi, rho = light.track_shape(d, 0.3), light.track_rho
    n = 20_000
    drawn = np.sort([light.delay(rng, xi, rho) for _ in range(n)])
    assert drawn.mean() == pytest.approx(xi / rho, abs=5 * math.sqrt(xi / n) / rho)
    assert drawn.var() == pytest.approx(xi / rho**2, rel=0.15)
    # Kolmogorov-Smirnov against the integral of p(t) = rho^xi t^(xi-1) exp(-rho t) / Gamma(xi), with t = u^(1/xi)
    u = np.linspace(0, 3000**xi, 400_001)
    density = rho**xi * np.exp(-rho * u ** (1 / xi)) / (xi * math.gamma(xi))
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2) * (u[1] - u[0])])
    expected = np.interp(drawn**xi, u, cdf)
    distance = np.abs(expected - (np.arange(n) + 0.5) / n).max()
    assert distance < 1.63 / math.sqrt(n)  # 1 % level


def test_constants_are_those_of_the_pandel_reference():
    assert light.track_rho == pytest.approx(0.00405177, abs=2e-7)
    assert light.track_shape(50.0, 1.0) == pytest.approx((0.8395 * 50 + 3.094 - 3.946 + 4.636) / 33.29)


@pytest.mark.parametrize("mean", [0.0, 0.02, 3.0, 10.0, 47.3])
def test_numbers_of_photo_electrons_are_poisson(mean):
    rng = np.random.default_rng(9)
    n = 20_000
    drawn = np.array([sources.poisson(rng, mean) for _ in range(n)])
    assert drawn.mean() == pytest.approx(mean, abs=5 * math.sqrt(mean / n))
    assert drawn.var() == pytest.approx(mean, rel=0.05, abs=0.002)
    assert (drawn == 0).mean() == pytest.approx(math.exp(-mean), abs=0.01)

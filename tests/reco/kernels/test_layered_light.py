"""`layered_light`, held against photons that are followed through the same ice."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import numpy as np
import pytest

from icecol.detector.ice import Layers, acceptance_moments, south_pole
from icecol.detector.medium import c_ice, n_ice_group, n_ice_phase
from icecol.reco.kernels import layered_light as layered
from icecol.units import c

ICE = layered.ice_of(south_pole())
EVEN = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Moments of a sensor that sees all directions alike."""
DELAYS = np.geomspace(0.05, 3000, 160)


@pytest.fixture(scope="module")
def tracker():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
        return importlib.import_module("photon_tracker")


def of_ring(ice, rng, z0, up, radii, heights):
    """Mean light in a ring around a vertical cascade at z0, and delays (ns) drawn with the weight of its parts."""
    k = 5
    places = (np.arange(k) + 0.5) / k
    light, delays = [], []
    for r in np.sqrt(radii[0] ** 2 + places * (radii[1] ** 2 - radii[0] ** 2)):
        for z in heights[0] + places * (heights[1] - heights[0]):
            amount, _, u, v, factor = layered.cascade_light(ice, r, 0.0, z - z0, 0.0, 0.0, up, z0, 1.0)
            light.append(amount)
            delays.append([layered.delay_of(ice, rng, u, v, factor) for _ in range(60)])
    weights = np.repeat(np.array(light) / np.sum(light) / 60, 60)
    delays = np.concatenate(delays)
    order = np.argsort(delays)
    return np.mean(light), np.interp([0.2, 0.5, 0.8], np.cumsum(weights[order]), delays[order])


@pytest.mark.parametrize(("z0", "up"), [(300.0, -1.0), (-350.0, 1.0), (-90.0, 1.0)])
@pytest.mark.slow
def test_light_of_cascades_is_that_of_tracked_photons(tracker, z0, up):
    """To 30 % in amount and delays, up to 120 m away: the ice in between is not really as homogeneous as its mean.

    Median differences over all distances and angles are below 15 %. Through the dust, light takes ways around that the
    mean of the straight line does not have: rings with less than 1/3000 of the light at 40 m are left out.
    """
    ice, rng = ICE._replace(acceptance=EVEN), np.random.default_rng(5)
    layers = south_pole()
    radii, heights = np.array([10, 20, 40, 60, 90, 120.0]), z0 + np.arange(-100, 101, 40.0)
    light, _ = tracker.follow(
        np.random.default_rng(4), 4000, tracker.RINGS, layers.top, layers.height, layers.scattering, layers.absorption,
        z0, up, 1.0, 1500.0, radii, heights, DELAYS,
    )  # fmt: skip
    amounts, times = [], []
    for j in range(radii.size - 1):
        for k in range(heights.size - 1):
            volume = math.pi * (radii[j + 1] ** 2 - radii[j] ** 2) * (heights[k + 1] - heights[k])
            tracked = light[j, k].sum() / volume
            if tracked < 2e-8:
                continue
            amount, delays = of_ring(ice, rng, z0, up, radii[j : j + 2], heights[k : k + 2])
            expected = tracker.quantiles(light[j, k], DELAYS, [0.2, 0.5, 0.8]) / c_ice
            amounts.append(amount / tracked)
            times.append((delays + 10) / (expected + 10))
    assert len(amounts) >= 18
    amounts, times = np.log(amounts), np.log(times)
    assert np.median(np.abs(amounts)) < 0.15
    assert np.median(np.abs(times)) < 0.12
    assert np.abs(np.median(times)) < 0.10
    assert np.quantile(np.abs(amounts), 0.85) < 0.3
    assert np.quantile(np.abs(times), 0.85) < 0.3


@pytest.mark.parametrize("absorption", [0.22, 0.28, 0.37])
@pytest.mark.slow
def test_light_of_tracks_is_that_of_tracked_photons(tracker, absorption):
    """To 10 % in amount and 20 % in the delays, from 10 m on, for every ratio of scattering to absorption there is."""
    length = 25.0
    one = np.full(1, 1.0)
    ice = layered.ice_of(Layers(500.0, 1000.0, one / length, one * absorption / length))._replace(
        acceptance=EVEN
    )
    edges, angles = np.array([0.36, 0.44, 0.9, 1.1, 1.8, 2.2, 3.6, 4.4]), np.array([-1.0, 1.0])
    delays, rng = np.geomspace(1e-3, 80, 240), np.random.default_rng(6)
    light, _ = tracker.follow(
        np.random.default_rng(7), 6000, tracker.TRACK, 1e9, 1e12, one, one * absorption, 0.0, 1.0, 0.05, 60.0,
        edges, angles, delays,
    )  # fmt: skip
    for j in (0, 2, 4, 6):
        d = math.sqrt((edges[j] ** 2 + edges[j + 1] ** 2) / 2) * length
        tracked = light[j, 0].sum() / (math.pi * (edges[j + 1] ** 2 - edges[j] ** 2) * length)
        amount, _, u, v, factor, _, _ = layered.track_light(ice, d, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0)
        assert amount == pytest.approx(tracked, rel=0.12), d
        drawn = np.quantile([layered.delay_of(ice, rng, u, v, factor) for _ in range(4000)], [0.2, 0.5, 0.8])
        expected = tracker.quantiles(light[j, 0], delays, [0.2, 0.5, 0.8]) * length / c_ice
        assert drawn + 5 == pytest.approx(expected + 5, rel=0.2), d


def test_mean_coefficients_are_integrals_over_the_layers():
    layers = south_pole()
    fine = np.linspace(-1, 1, 20_001)
    for z1, z2 in ((300.0, -200.0), (-100.0, -60.0), (10.0, 10.0), (600.0, 900.0)):
        low, high = min(z1, z2) - layered.margin, max(z1, z2) + layered.margin
        z = low + (high - low) * (fine + 1) / 2
        rows = np.clip(((layers.top - z) / layers.height).astype(int), 0, layers.scattering.size - 1)
        expected = layers.scattering[rows].mean(), layers.absorption[rows].mean()
        assert layered.between(ICE, z1, z2) == pytest.approx(expected, rel=2e-3)
        assert layered.between(ICE, z2, z1) == pytest.approx(layered.between(ICE, z1, z2), rel=1e-12)


def test_nearby_all_light_is_direct():
    even = ICE._replace(acceptance=EVEN)
    cosine = np.linspace(-0.995, 0.995, 200)
    around = [
        layered.cascade_light(even, 3.0 * math.sqrt(1 - k * k), 0.0, 3.0 * k, 0.0, 0.0, 1.0, -330.0, 1.0)[0]
        for k in cosine
    ]
    assert np.mean(around) * 4 * math.pi * 9 == pytest.approx(1, rel=0.06)
    assert cosine[np.argmax(around)] == pytest.approx(1 / n_ice_phase, abs=0.06)
    cone = layered.track_light(even, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, -330.0, 1.0)
    sine = math.sqrt(1 - 1 / n_ice_phase**2)
    assert cone[0] * 2 * math.pi * 2.0 * sine == pytest.approx(1.2, rel=0.1)
    assert cone[1] == pytest.approx(2.0 * (n_ice_phase * n_ice_group - 1) / math.sqrt(n_ice_phase**2 - 1) / c)


@pytest.mark.parametrize("mean", [1.0, 0.8, 0.3, 0.0])
def test_acceptance_is_averaged_over_the_directions_of_scattered_light(mean):
    moments = acceptance_moments()
    for cosine in (-0.9, -0.2, 0.4, 1.0):
        expected = sum(
            a * mean ** (n * (n + 1) / 2) * np.polynomial.Legendre.basis(n)(cosine)
            for n, a in enumerate(moments)
        )
        assert layered.accepted(ICE, cosine, mean) == pytest.approx(max(expected, 1e-3), rel=1e-9)


def test_light_from_below_is_seen_and_from_above_hardly():
    below = layered.cascade_light(ICE, 0.0, 5.0, 10.0, 0.0, 0.0, 1.0, -340.0, 1.0)[0]
    turned = layered.cascade_light(ICE, 0.0, 5.0, 10.0, 0.0, 0.0, 1.0, -340.0, -1.0)[0]
    assert below > 3 * turned > 0


def test_tables_end_in_diffusion():
    far = [
        layered.cascade_light(ICE, r, 0.0, 0.0, 0.0, 0.0, 1.0, -330.0, 1.0)[0] * r * r
        for r in (900.0, 1000.0)
    ]
    scattering, absorption = layered.between(ICE, -330.0, -330.0)
    assert far[1] / far[0] == pytest.approx(math.exp(-100 * math.sqrt(3 * scattering * absorption)), rel=0.35)

"""`brightness`: bright events are those that leave energy in the detector, and dark ones trigger nothing."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.sim import brightness, ranges
from icecol.sim.particles import CASCADE, HADRONS, MUON, Particles, one_each


def bright(kind, x, y, z, energy=1e4, start=-np.inf, stop=np.inf, down=-1.0):
    one = [np.array([float(v)]) for v in (x, y, z, 0, 0, down, 0, energy, start, stop)]
    return brightness.brightness(Particles(np.array([0, 1]), np.array([kind]), *one))[0]


def test_a_cascade_inside_counts_with_its_energy_and_outside_less():
    for kind in (CASCADE, HADRONS):
        assert bright(kind, 0, 0, 0) == 1e4
        assert bright(kind, 560, 0, 500) == 1e4
        assert bright(kind, 600, 0, 0) == pytest.approx(1e4 / np.e)
        assert bright(kind, 0, 0, -600) == pytest.approx(1e4 / np.e**2)


def test_a_track_counts_with_what_it_loses_between_its_ends():
    stops = float(ranges.muon_range(np.array(1e2))) / ranges.ice
    inside = bright(MUON, 0, 0, 520, energy=1e2, start=0, stop=stops)
    assert inside == pytest.approx(1e2, rel=0.15)  # it stops in the detector
    whole = bright(MUON, 0, 0, 0)
    assert whole == pytest.approx(1040 * (0.259 + 0.363e-3 * 1e4) * ranges.ice, rel=0.12)
    first, second = bright(MUON, 0, 0, 0, stop=0), bright(MUON, 0, 0, 0, start=0)
    assert first + second == pytest.approx(whole, rel=1e-9)
    assert first > second
    assert bright(MUON, 640, 0, 0) == pytest.approx(whole / np.e**2, rel=0.1)
    assert bright(MUON, 0, 0, 5000, stop=300) < 1e-3


def test_particles_of_an_event_add_and_an_event_without_is_dark():
    at = np.zeros(3)
    three = one_each(CASCADE, (at, at, at), (at, at, at - 1), np.array([1.0, 2.0, 4.0]))
    grouped = three._replace(offsets=np.array([0, 2, 2, 3]))
    assert brightness.brightness(grouped).tolist() == [3.0, 0.0, 4.0]


def test_thinning_counts_what_it_keeps_for_what_it_does_not():
    n = 20_000
    at = np.zeros(n)
    energy = np.geomspace(1, 1e5, n)
    made = one_each(CASCADE, (at, at, at), (at, at, at - 1), energy)
    keep, times = brightness.thinned(np.random.default_rng(1), made, 1e3, 0.05)
    assert (times[energy >= 1e3] == 1).all()
    assert keep[energy >= 1e3].all()
    np.testing.assert_allclose(times[energy < 50], 20)
    np.testing.assert_allclose(
        times[(energy > 60) & (energy < 1e3)], 1e3 / energy[(energy > 60) & (energy < 1e3)]
    )
    for low, high in ((1, 50), (100, 900)):
        some = (energy > low) & (energy < high)
        assert times[some & keep].sum() == pytest.approx(some.sum(), rel=0.1)
    none, ones = brightness.thinned(np.random.default_rng(1), made, 0.0, 1.0)
    assert none.all()
    assert (ones == 1).all()

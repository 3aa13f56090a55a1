"""`particles`: what generators hand to the light, and what becomes of it in an event."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.detector.geometry import Geometry
from icecol.sim import chain
from icecol.sim.particles import CASCADE, HADRONS, MUON, TAU, Particles, none_each, one_each
from icecol.sim.sources import electromagnetic


def of_one_event(*rows):
    columns = np.array(rows, float).T
    return Particles(np.array([0, len(rows)]), columns[0].astype(np.int64), *columns[1:].copy())


def charge(particles, seed=1):
    _, sensors = chain.sensors_of(Geometry.nominal())
    settings = chain.settings_of()
    _, _, _, charge, *_ = chain.simulate(np.random.default_rng(seed), MUON, particles, sensors, settings)
    return charge.sum()


def test_particles_of_an_event_add_their_light():
    one = (CASCADE, 0, 0, 0, 0, 0, -1, 0, 3e4, 0, 0)
    twice = charge(of_one_event(one, one))
    assert twice == pytest.approx(2 * charge(of_one_event(one)), rel=0.05)


def test_a_hadronic_cascade_is_dimmer_by_its_electromagnetic_fraction():
    pair = [
        np.mean([charge(of_one_event((kind, 0, 0, 0, 0, 0, -1, 0, 1e5, 0, 0)), seed) for seed in range(30)])
        for kind in (HADRONS, CASCADE)
    ]
    assert pair[0] / pair[1] == pytest.approx(0.919, abs=0.02)
    for energy, fraction in ((1e2, 0.751), (1e3, 0.829), (1e4, 0.883), (1e6, 0.944)):
        assert electromagnetic(energy) / energy == pytest.approx(fraction, abs=6e-4)


def test_a_track_shines_between_its_ends():
    def muon(start, stop, kind=MUON):
        return charge(of_one_event((kind, 30, 40, 0, 0, 0, -1, 0, 1e5, start, stop)))

    whole, first, second = muon(-np.inf, np.inf), muon(-np.inf, 0), muon(0, np.inf)
    assert first + second == pytest.approx(whole, rel=0.1)
    assert min(first, second) > 0.2 * whole
    assert 0 < muon(-np.inf, np.inf, TAU) < whole / 20


def test_events_of_one_particle_and_of_none():
    at = np.zeros(3)
    made = one_each(MUON, (at, at, at), (at, at, at - 1), at + 1)
    assert made.offsets.tolist() == [0, 1, 2, 3]
    assert set(made.start) == {-np.inf}
    assert set(one_each(CASCADE, (at, at, at), (at, at, at - 1), at + 1).stop) == {0.0}
    assert none_each(2).offsets.tolist() == [0, 0, 0]

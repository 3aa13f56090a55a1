"""`sources`: what shines in an event of layered ice, and how brightly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from icecol import sim
from icecol.detector.geometry import Geometry
from icecol.sim import chain, losses, sources
from icecol.sim.particles import CASCADE, HADRONS, MUON, Particles
from icecol.sim.showers import point

LAYERS = chain.settings_of(ice="layers")
_, SENSORS = chain.sensors_of(Geometry.nominal())


def of_one_event(*rows):
    columns = np.array(rows, float).T
    return Particles(np.array([0, len(rows)]), columns[0].astype(np.int64), *columns[1:].copy())


def shining(particles, seed=1, lossy=False):
    return sources.sources_of(np.random.default_rng(seed), particles, 0, lossy, True, LAYERS.ice)


def seen(table, x, y, z, lossy=False):
    return sum(
        sources.light_of(LAYERS.ice, True, lossy, table, j, x, y, z, 1.0)[0] for j in range(len(table))
    )


def test_a_cascade_shines_from_four_points_along_its_axis():
    for kind, factor, spread in ((CASCADE, 1.0, 1e-3), (HADRONS, 0.919, 0.12)):
        table = shining(of_one_event((kind, 10, 20, 30, 0.6, 0, -0.8, 7, 1e5, 0, 0)))
        assert table[:, 1].sum() == pytest.approx(factor * 1e5, rel=spread)
        assert np.ptp(table[:, 1]) == 0
        s = np.array([point(1e5, kind == HADRONS, k) for k in range(4)])
        np.testing.assert_allclose(table[:, 2:5], np.array([10, 20, 30]) + s[:, None] * [0.6, 0, -0.8])
        np.testing.assert_allclose(table[:, 8], 7 + s / 0.299792458)


@pytest.mark.parametrize(
    ("energy", "mean", "spread"), [(1e2, 0.751, 0.091), (1e4, 0.883, 0.042), (1e6, 0.944, 0.026)]
)
def test_hadronic_cascades_differ_in_brightness(energy, mean, spread):
    rng = np.random.default_rng(1)
    found = np.array([sources.hadronic(rng, energy) for _ in range(20_000)]) / energy
    assert ((found >= 0) & (found <= 1)).all()
    # what lies beyond 1 was drawn again: at 1e2 and 1e6 GeV, some of a Gaussian's upper end
    assert found.mean() == pytest.approx(mean, abs=0.004)
    assert found.std() == pytest.approx(spread, rel=0.06)


def test_hadronic_cascades_without_energy_are_dark():
    rng = np.random.default_rng(1)
    assert sources.hadronic(rng, 0.0) == 0
    assert 0 <= min(sources.hadronic(rng, 1.0) for _ in range(100)) < 1
    assert math.isnan(sources.hadronic(rng, math.nan))


def test_a_cascade_nearby_has_the_light_of_its_photons_per_area():
    ice = LAYERS.ice._replace(acceptance=(LAYERS.ice.acceptance[0], 0.0, 0.0, 0.0, 0.0, 0.0))
    table = shining(of_one_event((CASCADE, 0, 0, -330, 0, 0, 1, 0, 0.9, 0, 0)))
    mean = np.mean(
        [
            4
            * sources.light_of(ice, True, False, table, 0, 4 * math.sqrt(1 - c * c), 0.0, -330 + 4 * c, 1.0)[
                0
            ]
            for c in np.linspace(-0.99, 0.99, 100)
        ]
    )
    assert mean == pytest.approx(32573 * 5.25 * 0.9 * 0.99 * 2.16e-3 / (4 * math.pi * 16), rel=0.08)


def test_dust_is_dark():
    row = (CASCADE, 0, 0, 0, 0, 0, 1, 0, 1e4, 0, 0)
    light = {
        z: seen(shining(of_one_event((row[0], 0, 0, z, *row[4:]))), 80.0, 0.0, z) for z in (-90, -250, -350)
    }
    assert light[-350] > light[-250] > 20 * light[-90]


def test_a_muon_that_ends_loses_energy_and_does_not_shine_beyond():
    def muon(start, stop):
        return shining(of_one_event((MUON, 0, 0, 0, 1, 0, 0, 0, 1e5, start, stop)))

    whole, short = muon(-np.inf, np.inf), muon(0.0, 300.0)
    assert seen(short, 150.0, 20.0, -20.0) == pytest.approx(
        seen(whole, 150.0, 20.0, -20.0) * math.exp(-150 * losses.relative_loss), rel=0.1
    )
    assert seen(short, 500.0, 20.0, -20.0) < 1e-3 * seen(whole, 500.0, 20.0, -20.0)
    assert seen(short, -200.0, 20.0, -20.0) < 1e-3 * seen(whole, -200.0, 20.0, -20.0)
    assert sources.energy_at(1e3, 1e9, 3000.0) == 0.0
    assert sources.energy_at(1e3, np.inf, 3000.0) == 1e3


def test_the_light_of_losses_is_that_of_the_even_muon():
    particles = of_one_event((MUON, 0, 0, -330, 1, 0, 0, 0, 1e4, -np.inf, np.inf))
    place = (0.0, 35.0, -330.0)
    even = seen(shining(particles), *place)
    lossy = [seen(shining(particles, seed, lossy=True), *place, lossy=True) for seed in range(400)]
    assert np.mean(lossy) == pytest.approx(even, abs=5 * np.std(lossy) / 20)
    assert np.mean(lossy) == pytest.approx(even, rel=0.3)
    assert np.median(lossy) < 0.9 * even


def test_a_source_out_of_reach_is_not_listed_and_one_within_is():
    table = shining(
        of_one_event(
            (MUON, 0, 0, 0, 0, 0, -1, 0, 10.0, -np.inf, np.inf), (CASCADE, 300, 0, 0, 0, 0, 1, 0, 1.5, 0, 0)
        )
    )
    out = np.empty(len(table), np.int64)
    for x in (0.0, 100.0, 290.0):
        n = sources.near(table, x, 0.0, 10.0, out)
        lit = [
            j
            for j in range(len(table))
            if any(seen(table[j : j + 1], x, 0.0, z) > 0 for z in np.arange(-400.0, 400, 20))
        ]
        assert set(lit) <= set(out[:n].tolist())
    assert sources.near(table, 0.0, 5000.0, 10.0, out) == 0


def test_few_cascades_in_the_dust_trigger():
    sample = sim.events(200, seed=2, muons=0, noise=0, ice="layers", energy=(1e3, 1e4))
    dust = np.abs(sample.truth.z + 100) < 40
    assert dust.sum() < 0.6 * 200 * 80 / 1100
    assert sample.settings["ice"] == "layers"
    with pytest.raises(ValueError, match="`ice` must be 'bulk' or 'layers'; found 'dirty'"):
        sim.events(1, seed=1, ice="dirty")

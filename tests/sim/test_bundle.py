"""`bundle`: fluxes, multiplicities, distances and energies as published, and rates that no bias changes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import icecol as ic
from icecol.sim import bundle, earth
from icecol.sim.bundle import bundles

# depth (km), zenith, flux of bundles, share of those with two or more, mean number, nu
TABLE = [
    (1.5, 0, 2.2638e-3, 0.1719, 1.3831, 2.9725), (1.5, 30, 1.7393e-3, 0.1696, 1.3735, 2.9894),
    (1.5, 60, 5.2250e-4, 0.1571, 1.3257, 3.0831), (2.0, 0, 9.7474e-4, 0.1587, 1.3315, 3.0708),
    (2.0, 30, 7.1824e-4, 0.1558, 1.3209, 3.0937), (2.0, 60, 1.7172e-4, 0.1404, 1.2693, 3.2222),
    (2.5, 0, 4.7597e-4, 0.1444, 1.2821, 3.1873), (2.5, 30, 3.3631e-4, 0.1408, 1.2705, 3.2187),
    (2.5, 60, 6.3975e-5, 0.1222, 1.2159, 3.3959),
]  # fmt: skip


def throw(n, seed=1, **settings):
    return bundles(**settings).throw(np.random.default_rng(seed), n)


@pytest.mark.parametrize(("depth", "zenith", "flux", "several", "mean", "nu"), TABLE)
def test_flux_and_multiplicity_are_as_published(depth, zenith, flux, several, mean, nu):
    h, c = bundle.depth_of(np.array([earth.depth - depth * 1e3])), np.array([math.cos(math.radians(zenith))])
    assert bundle.flux(h, c)[0] == pytest.approx(flux, rel=1e-4)
    slope = bundle.slope(h, c)
    assert slope[0] == pytest.approx(nu, abs=1e-4)
    total = bundle.sum_of_powers(slope)[0]
    assert 1 - 1 / total == pytest.approx(several, abs=1e-4)
    m = np.arange(1, 1001)
    assert (m * m**-slope).sum() / total == pytest.approx(mean, abs=1e-4)


def test_energies_and_distances_have_the_published_parameters():
    h, zero = np.array([1.8170]), np.zeros(1)
    e0, g = bundle.spectrum(h, zero, np.array([1]), zero)
    assert (g[0], e0[0]) == pytest.approx((3.8225, 0.3755), abs=1e-4)
    assert bundle.spectrum(h, zero + math.pi / 3, np.array([1]), zero)[0][0] == pytest.approx(
        0.5962, abs=1e-4
    )
    e0, g = bundle.spectrum(h, zero, np.array([2]), np.array([5.0]))
    way = 0.3755 / 0.7034
    assert (g[0], e0[0] / way) == pytest.approx((5.0164, 1.9057), rel=3e-4)
    for m, mean, alpha in ((2, 13.109, 7.2165), (4, 11.212, 6.0401), (9, 11.212, 6.0401)):
        r0, al = bundle.radial(h, zero, np.array([m]))
        assert (2 * r0[0] / (al[0] - 3), al[0]) == pytest.approx((mean, alpha), rel=1e-4)


def test_rate_through_a_cylinder_is_as_published(monkeypatch):
    monkeypatch.setattr(earth, "depth", 1950.0)
    bundle._zeniths.cache_clear()
    try:
        assert bundle.rate(500.0, 1000.0) == pytest.approx(4374, abs=4)
        edges, sums, by_cap = bundle._zeniths(500.0, 1000.0)
        assert (np.diff(sums) * by_cap).sum() == pytest.approx(3090, abs=3)
        made = throw(40_000, radius=500.0, height=1000.0)
        several = (made.weights["Multiplicity"] > 1).mean() * bundle.rate(500.0, 1000.0)
        assert several == pytest.approx(721, rel=0.03)
        assert edges[0] == pytest.approx(math.cos(math.radians(85)))
    finally:
        bundle._zeniths.cache_clear()


def test_muons_of_a_given_place_have_the_published_spectrum():
    n = 100_000
    rng = np.random.default_rng(1)
    e0, g = np.full(n, 0.3755), np.full(n, 3.8225)
    energy, weight = bundles()._energies(rng, e0, g, np.ones(n, np.int64), np.arange(n))
    assert np.median(energy) == pytest.approx(104.5, rel=0.02)
    assert energy.mean() == pytest.approx(207.6, rel=0.03)
    assert (weight == 1).all()
    biased, weight = bundles(energy_bias=1.5)._energies(rng, e0, g, np.ones(n, np.int64), np.arange(n))
    for edge in (50.0, 500.0, 5e3):
        expected = (energy > edge).mean()
        assert (weight * (biased > edge)).mean() == pytest.approx(expected, abs=5 * math.sqrt(expected / n))
    assert (biased > 1e5).sum() > 10 * max((energy > 1e5).sum(), 1)
    assert weight.max() <= 2


def test_distances_have_the_published_density():
    n = 60_000
    r = bundle._distances(np.random.default_rng(2), np.full(n, 27.637), np.full(n, 7.2165))
    assert r.mean() == pytest.approx(13.109, rel=0.015)
    mode = 27.637 / 6.2165
    below = [(r < edge).mean() for edge in (mode, 20.0, 60.0)]
    x = np.array([mode, 20.0, 60.0]) / 27.637
    assert below == pytest.approx(1 - (1 + 6.2165 * x) / (1 + x) ** 6.2165, abs=0.006)


def test_rate_is_the_integral_of_the_flux_over_the_surface_and_the_sky():
    radius, height = 500.0, 1000.0
    x, w = np.polynomial.legendre.leggauss(200)
    low = math.cos(bundle.steepest)
    c, of_c = (x + 1) / 2 * (1 - low) + low, w / 2 * (1 - low)
    top = bundle.flux(bundle.depth_of(np.full(c.size, height / 2)), c)
    z, cosine = np.meshgrid(x * height / 2, c, indexing="ij")
    side = (bundle.flux(bundle.depth_of(z), cosine) * w[:, None] / 2 * height).sum(axis=0)
    through = math.pi * radius**2 * c * top + 2 * radius * np.sqrt(1 - c**2) * side
    expected = 2 * math.pi * (through * of_c).sum()
    assert bundle.rate(radius, height) == pytest.approx(expected, rel=2e-6)


def test_no_bias_changes_a_rate():
    n = 60_000
    plain = throw(n, seed=3).weights
    biased = throw(n, seed=4, multiplicity_bias=0.8, energy_bias=1.2).weights
    for choose in (
        lambda w: w["Multiplicity"] == 1,
        lambda w: w["Multiplicity"] >= 3,
        lambda w: w["PrimaryEnergy"] > 2e3,
        lambda w: np.cos(w["PrimaryZenith"]) > 0.8,
        lambda w: w["PrimaryEnergy"] > 0,
    ):
        sums = [(w["Weight"] * choose(w)).sum() / n for w in (plain, biased)]
        errors = [math.sqrt((w["Weight"] ** 2 * choose(w)).sum()) / n for w in (plain, biased)]
        assert abs(sums[0] - sums[1]) < 4 * math.hypot(*errors), (sums, errors)
    assert (biased["Multiplicity"] > 20).sum() > 5 * (plain["Multiplicity"] > 20).sum()


def test_muons_are_parallel_and_enter_together():
    made = throw(2000, multiplicity_bias=0.8)
    t = made.tree
    counts = np.diff(t.offsets)
    assert (counts - 1 == made.weights["Multiplicity"]).all()
    for i in np.flatnonzero(counts > 3)[:20]:
        rows = slice(t.offsets[i], t.offsets[i + 1])
        assert np.ptp(t.zenith[rows]) == 0
        assert np.ptp(t.time[rows]) == 0
        e = np.array([np.sin(t.zenith[rows][0]) * np.cos(t.azimuth[rows][0]),
                      np.sin(t.zenith[rows][0]) * np.sin(t.azimuth[rows][0]), np.cos(t.zenith[rows][0])])  # fmt: skip
        apart = np.stack([v[rows] - v[rows][0] for v in (t.x, t.y, t.z)])
        assert np.abs(e @ apart).max() < 1e-9
        assert np.linalg.norm(apart, axis=0).max() <= bundle.widest + 1e-9
        assert t.energy[rows][0] == pytest.approx(t.energy[rows][1:].sum())
    axis = t.offsets[:-1]
    on_edge = np.isclose(np.hypot(t.x[axis], t.y[axis]), 700) | np.isclose(t.z[axis], 650)
    assert on_edge.all()


def test_weights_of_datasets(tmp_path):
    few = [ic.sim.generate(ic.sim.bundles(energy_bias=b), n, seed=n) for b, n in ((0.0, 100), (1.0, 200))]
    a, b = (ic.sim.to_dataset(made, tmp_path / str(i)) for i, made in enumerate(few))
    weight = a.scan().select(ic.weight.bundles(a)).collect().to_series()
    assert weight.to_list() == pytest.approx([bundle.rate(700.0, 1300.0) / 100] * a.rows)
    twice = a.scan().select(ic.weight.bundles(a, nfiles=2)).collect().to_series()
    assert (twice * 2 - weight).abs().max() < 1e-12
    both = a.scan().select(ic.weight.bundles([a, b])).collect().to_series()
    assert both.to_list() == pytest.approx([bundle.rate(700.0, 1300.0) / 300] * a.rows)
    other = ic.sim.to_dataset(ic.sim.generate(ic.sim.bundles(energy=(5.0, 1e6)), 100, seed=1), tmp_path / "c")
    with pytest.raises(ValueError, match="different ranges of energy"):
        ic.weight.bundles([a, other])
    neutrinos = ic.sim.to_dataset(ic.sim.events(3, seed=1, noise=0, muons=0), tmp_path / "d")
    with pytest.raises(ic.errors.MissingColumnError, match="no MuonBundleWeightDict"):
        ic.weight.bundles(neutrinos)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"energy": (1.0, 1.0)}, "0 < low < high"),
        ({"multiplicity_bias": 2.0}, "`multiplicity_bias` must be from 0 to 1.5"),
        ({"energy_bias": -1.0}, "`energy_bias` must be from 0 to 3"),
        ({"dim": (-1.0, 1.0)}, "`dim` is"),
        ({"height": 2e3}, "at most 1700"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        bundles(**wrong)

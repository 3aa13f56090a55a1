"""`interactions`, `ranges`: energy is shared as it should be, and a tau and a W decay as published."""

from __future__ import annotations

import math

import numpy as np
import pytest

from icecol.sim import interactions, ranges
from icecol.sim.interactions import CC, DECAY, GR, HADRONS, LEPTON, NC, NEUTRINO

N = 40_000


def made(pdg, channel, energy=1e5, n=N, seed=1):
    at = np.zeros(n)
    return interactions.interact(
        np.random.default_rng(seed), np.full(n, pdg), np.full(n, energy), np.full(n, channel), (at, at, at), at,
        at + 0.5, at,
    )  # fmt: skip


@pytest.mark.parametrize("pdg", [12, -12, 14, -14, 16, -16])
def test_charged_currents_make_their_lepton_and_hadrons(pdg):
    present, columns, y = made(pdg, CC)
    assert present[:, [NEUTRINO, LEPTON, HADRONS]].all()
    assert set(columns["pdg_encoding"][:, LEPTON]) == {np.sign(pdg) * (abs(pdg) - 1)}
    np.testing.assert_allclose(columns["energy"][:, [LEPTON, HADRONS]].sum(axis=1), 1e5)
    np.testing.assert_allclose(columns["energy"][:, HADRONS], y * 1e5)
    assert (present[:, DECAY] == (abs(pdg) == 16)).all()


def test_neutral_currents_keep_the_neutrino():
    present, columns, _ = made(-16, NC)
    assert set(columns["pdg_encoding"][:, LEPTON]) == {-16}
    assert not present[:, DECAY].any()
    assert columns["energy"][:, HADRONS].mean() == pytest.approx(0.3114e5, rel=0.02)


def test_a_w_makes_hadrons_in_two_of_three_cases_and_soft_leptons():
    present, columns, y = made(-12, GR, energy=6.3e6)
    hadrons = present[:, HADRONS]
    assert hadrons.mean() == pytest.approx(0.6741, abs=0.008)
    assert set(columns["energy"][hadrons, HADRONS]) == {6.3e6}
    assert set(y[hadrons]) == {1.0}
    assert (present[:, LEPTON] == ~hadrons).all()
    leptons = columns["pdg_encoding"][~hadrons, LEPTON]
    assert set(leptons) == {11, 13, 15}
    assert (leptons == 15).mean() == pytest.approx(0.1138 / 0.3272, abs=0.015)
    assert columns["energy"][~hadrons, LEPTON].mean() / 6.3e6 == pytest.approx(0.25, abs=0.006)
    assert (present[:, DECAY] == (columns["pdg_encoding"][:, LEPTON] == 15) & ~hadrons).all()


def test_a_tau_decays_where_and_into_what_it_should():
    _, columns, y = made(16, CC, energy=1e6)
    way = columns["length"][:, LEPTON]
    assert (way / (1 - y)).mean() == pytest.approx(1e6 / 1.77686 * 87.03e-6, rel=0.02)
    down = columns["z"][:, DECAY] / -math.cos(0.5)
    np.testing.assert_allclose(down, way, atol=1e-9)
    np.testing.assert_allclose(columns["time"][:, DECAY], way / 0.299792458, rtol=1e-12)
    seen = columns["pdg_encoding"][:, DECAY]
    assert set(seen) == {11, 13, interactions.tree.HADRONIC_SHOWER}
    assert (seen == 13).mean() == pytest.approx(0.18, abs=0.006)
    anti = made(-16, CC, n=500)[1]["pdg_encoding"][:, DECAY]
    assert set(anti) == {-11, -13, interactions.tree.HADRONIC_SHOWER}
    assert (columns["energy"][:, DECAY] <= columns["energy"][:, LEPTON]).all()


def test_what_is_seen_of_a_tau_has_the_fractions_of_a_polarized_one():
    pdg, x = interactions.tau_decay(np.random.default_rng(1), 400_000)
    lepton = x[np.abs(pdg) < 20]
    assert lepton.mean() == pytest.approx(0.4, abs=0.003)
    for edge in (0.2, 0.5, 0.9):
        assert (lepton < edge).mean() == pytest.approx((4 * edge - edge**4) / 3, abs=0.005)
    # the neutrino's mean share: pion 2/3 of 0.9939, rho (1/2 + slope/6) of 0.81, a1 half of 0.497, others 0.15
    slope = (1 - 0.38) / (1 + 0.38)
    neutrino = (
        0.12 * 2 / 3 * 0.9939
        + 0.26 * (0.5 + slope / 6) * 0.81
        + 0.13 * (0.5 - 0.003 / 6) * 0.497
        + 0.13 * 0.15
    ) / 0.64
    assert 1 - x[np.abs(pdg) > 20].mean() == pytest.approx(neutrino, abs=0.003)
    assert 0 <= x.min() < x.max() <= 1


def test_ranges_are_as_published_and_end_where_the_energy_does():
    energy = 10.0 ** np.arange(2, 7)
    found = ranges.muon_range(energy)
    assert found == pytest.approx([361, 2414, 7463, 13636, 19962], abs=0.6)
    assert ranges.muon_energy(energy, found) == pytest.approx(np.zeros(5), abs=1e-6)
    half = ranges.muon_energy(energy, found / 2)
    assert ranges.muon_range(half) == pytest.approx(found / 2)

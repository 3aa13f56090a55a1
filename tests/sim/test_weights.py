"""`weights`: the entries mean what those of neutrino-generator mean, computed here from what was thrown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from icecol import sim
from icecol.sim import particles, primary
from icecol.sim.weights import weights


@pytest.fixture(
    scope="module", params=[{}, {"zenith": "isotropic", "index": 1.0, "energy": (1e3, 1e5)}], ids=["", "flat"]
)
def thrown(request):
    events = sim.events(60, seed=4, **request.param)
    return events, weights(events.truth, events.settings)


def density(energy, w):
    """1/GeV, of the power law that the entries state."""
    low, high, k = 10 ** w["MinEnergyLog"], 10 ** w["MaxEnergyLog"], 1 - w["PowerLawIndex"]
    flat = k == 0
    k = np.where(flat, 1.0, k)
    return np.where(flat, 1 / (energy * np.log(high / low)), k * energy ** (k - 1) / (high**k - low**k))


def solid_angle(w):
    return (w["MaxAzimuth"] - w["MinAzimuth"]) * (np.cos(w["MinZenith"]) - np.cos(w["MaxZenith"]))


def test_one_weight_is_the_total_weight_over_the_density_that_the_entries_state(thrown):
    events, made = thrown
    for kind, w in made.items():
        of_kind = events.truth.kind == kind
        name = "Primary" if kind == particles.MUON else "PrimaryNeutrino"
        r = w["InjectionSurfaceR"] if kind == particles.MUON else w["CylinderRadius"]
        area = math.pi * r**2
        if kind == particles.CASCADE:
            h, zenith = w["CylinderHeight"], w[f"{name}Zenith"]
            area = area * np.abs(np.cos(zenith)) + 2 * r * h * np.sin(zenith)
        expected = w["TotalWeight"] * area * 1e4 * solid_angle(w) / density(w[f"{name}Energy"], w)
        np.testing.assert_allclose(w["OneWeight"][of_kind], expected[of_kind], rtol=1e-9)


def test_a_neutrino_interacts_as_often_as_nucleons_and_cross_section_say(thrown):
    events, made = thrown
    if events.settings["zenith"] != "isotropic":
        return
    w, of_kind = made[particles.CASCADE], events.truth.kind == particles.CASCADE
    zenith, energy = (w[f"PrimaryNeutrino{m}"][of_kind] for m in ("Zenith", "Energy"))
    r, h = primary.cylinder_radius, primary.cylinder_height
    area = math.pi * r**2 * np.abs(np.cos(zenith)) + 2 * r * h * np.sin(zenith)
    mean_path = math.pi * r**2 * h / area  # m, over all lines through the cylinder at this angle
    expected = primary.cross_section(energy) * 0.917 * 6.02214076e23 * mean_path * 100
    np.testing.assert_allclose(w["TotalWeight"][of_kind], expected, rtol=1e-9)


def test_a_muon_that_comes_evenly_from_its_half_of_the_sky_counts_once(thrown):
    events, made = thrown
    w, of_kind = made[particles.MUON], events.truth.kind == particles.MUON
    if events.settings["zenith"] == "isotropic":
        np.testing.assert_allclose(w["TotalWeight"][of_kind], 1, rtol=1e-9)
    else:  # thrown as cos^2, which the entries do not tell
        expected = 1 / (3 * np.cos(events.truth.zenith[of_kind]) ** 2)
        np.testing.assert_allclose(w["TotalWeight"][of_kind], expected, rtol=1e-9)


def test_entries_state_the_ranges_of_the_sample(thrown):
    events, made = thrown
    half = math.pi if events.settings["zenith"] == "isotropic" else math.pi / 2
    for w in made.values():
        assert set(w["MaxZenith"]) == {half}
        assert set(w["MaxAzimuth"]) == {2 * math.pi}
        for name, energy in zip(("Min", "Max"), events.settings["energy"], strict=True):
            np.testing.assert_allclose(10 ** w[f"{name}EnergyLog"], energy, rtol=1e-12)
        assert {*w["MinZenith"], *w["MinAzimuth"]} == {0.0}
        assert set(w["PowerLawIndex"]) == {events.settings["index"]}
    types = {13: made[particles.MUON]["PrimaryType"], 12: made[particles.CASCADE]["PrimaryNeutrinoType"]}
    for kind, pdg in ((particles.MUON, 13), (particles.CASCADE, 12)):
        assert set(types[pdg][events.truth.kind == kind]) == {pdg}

"""`neutrinos`: weights against closed forms, and samples thrown differently against one another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from icecol.sim import brightness, cross_sections, earth, primary, ranges, tree
from icecol.sim.neutrino import neutrinos

N = 20_000
R, H = 750.0, 1500.0
DOWN = (0.0, 1.2)
SOLID_ANGLE = 2 * math.pi * (1 - math.cos(1.2))


def throw(flavor, n=N, seed=1, **settings):
    return neutrinos(flavor, **settings).throw(np.random.default_rng(seed), n)


@pytest.mark.parametrize("volume", [True, False])
@pytest.mark.parametrize("index", [1.0, 2.0])
def test_the_integral_of_the_weights_is_mass_times_solid_angle_times_energy_range(volume, index):
    """A flux of one, and a cross section of one: nucleons inside, over all energies and directions."""
    w = throw("nue", energy=(1e3, 1e4), index=index, zenith=DOWN, volume=volume).weights
    per_nucleon = w["OneWeight"] / w["PropagationWeight"] / _sigma(w)
    expected = ranges.ice * math.pi * R**2 * H * 1e6 * cross_sections.avogadro * SOLID_ANGLE * 9e3
    assert per_nucleon.mean() == pytest.approx(
        expected, rel=4 * per_nucleon.std() / per_nucleon.mean() / N**0.5
    )
    assert per_nucleon.std() / per_nucleon.mean() < 2.5


def _sigma(w):
    e, pdg = w["PrimaryNeutrinoEnergy"], w["PrimaryNeutrinoType"].astype(int)
    return cross_sections.total(e, pdg)


def test_a_muon_is_made_before_the_cylinder_as_often_as_its_range_allows():
    w = throw("numu", energy=(1e4, 1e5), interactions=("CC",), zenith=(2.0, 2.2)).weights
    cylinder = w["TotalColumnDepth"] - w["RangeInMeter"] * 100
    assert (cylinder > 0).all()
    # far below the horizon there is matter enough for the whole range
    np.testing.assert_allclose(w["RangeInMeter"], ranges.muon_range(w["PrimaryNeutrinoEnergy"]), rtol=1e-9)
    from_above = throw("numu", energy=(1e5, 1e6), interactions=("CC",), zenith=(0.0, 0.3)).weights
    assert from_above["RangeInMeter"].max() < (earth.depth + H / 2) / math.cos(0.3) * ranges.ice


def test_vertices_are_spread_evenly_over_matter():
    made = throw("numu", energy=(1e5, 2e5), interactions=("CC",), zenith=(1.7, math.pi))
    w = made.weights
    first = made.tree.offsets[:-1]
    x, y, z = (getattr(made.tree, name)[first] for name in "xyz")
    inside = (np.hypot(x, y) < R) & (np.abs(z) < H / 2)
    expected = 1 - w["RangeInMeter"] * 100 / w["TotalColumnDepth"]
    assert inside.mean() == pytest.approx(expected.mean(), abs=0.01)
    # as many in the nearer half of the matter before the cylinder as in the farther one
    lepton = first + 1
    started, arrives = made.tree.energy[lepton], made.at_detector.energy[lepton]
    upstream = ~inside
    lost = ranges.muon_range(started[upstream]) - ranges.muon_range(arrives[upstream])
    half = w["RangeInMeter"][upstream] / 2
    reached = arrives[upstream] > 0
    assert (lost < half)[reached].mean() > 0.5
    assert (lost[reached] <= 2 * half[reached] * (1 + 1e-9)).all()


def test_a_muon_from_afar_enters_the_cylinder_with_what_is_left_of_its_energy():
    made = throw("numu", energy=(1e5, 1e6), interactions=("CC",), n=2000)
    t, d = made.tree, made.at_detector
    moved = t.x != d.x
    assert moved.any()
    assert (d.light[moved] == 1).all()
    on_edge = np.isclose(np.hypot(d.x[moved], d.y[moved]), R) | np.isclose(np.abs(d.z[moved]), H / 2)
    assert on_edge.all()
    apart = np.sqrt((d.x - t.x) ** 2 + (d.y - t.y) ** 2 + (d.z - t.z) ** 2)[moved]
    np.testing.assert_allclose((d.time - t.time)[moved], apart / 0.299792458, rtol=1e-6)
    # through at least so much ice, and at most so much rock
    assert (d.energy[moved] <= ranges.muon_energy(t.energy[moved], 0.75 * apart) * (1 + 1e-9)).all()
    assert (d.energy[moved] >= ranges.muon_energy(t.energy[moved], 2.66 * apart) * (1 - 1e-9)).all()
    np.testing.assert_allclose(d.length[moved], ranges.muon_range(d.energy[moved]) / ranges.ice)


def test_interactions_are_as_frequent_as_their_cross_sections():
    w = throw("nue", energy=(6.2e6, 6.4e6), zenith=DOWN).weights
    kind, anti = w["InteractionType"], w["PrimaryNeutrinoType"] < 0
    functions = (cross_sections.charged_current, cross_sections.neutral_current, cross_sections.glashow)
    for code, pdg in ((12, ~anti), (-12, anti)):
        sigmas = np.array([float(f(6.3e6, code)) for f in functions])
        for k in range(3):
            assert (kind[pdg] == k + 1).mean() == pytest.approx(sigmas[k] / sigmas.sum(), abs=0.015)
    assert set(throw("numu", interactions=("NC",), n=50).weights["InteractionType"]) == {2.0}


def test_some_interactions_alone_have_their_part_of_the_weight():
    settings = {"energy": (1e5, 1e6), "zenith": DOWN}
    whole = throw("nue", **settings).weights
    parts = [throw("nue", interactions=(k,), **settings).weights for k in ("CC", "NC")]
    rates = [(w["OneWeight"] * w["PrimaryNeutrinoEnergy"] ** -2.0).mean() for w in (whole, *parts)]
    assert rates[0] == pytest.approx(sum(rates[1:]), rel=0.06)


def test_absorption_is_that_of_the_earth_to_the_vertex():
    w = throw("nue", energy=(1e5, 1e6)).weights
    expected = earth.transmission(
        w["PrimaryNeutrinoEnergy"], np.cos(w["PrimaryNeutrinoZenith"]), w["PrimaryNeutrinoType"].astype(int)
    )
    np.testing.assert_allclose(w["PropagationWeight"], expected, rtol=1e-12)
    from_afar = throw("numu", energy=(1e6, 1e7), zenith=(2.5, math.pi), interactions=("CC",), n=500)
    w = from_afar.weights
    first = from_afar.tree.offsets[:-1]
    at = [getattr(from_afar.tree, name)[first] for name in "xyz"]
    column = earth.column(*at, w["PrimaryNeutrinoZenith"], w["PrimaryNeutrinoAzimuth"])
    np.testing.assert_allclose(
        w["PropagationWeight"],
        np.exp(-cross_sections.avogadro * w["TotalXsectionCGS"] * column),
        rtol=0.02,
        atol=1e-7,
    )


SAMPLES = {
    "volume": {"volume": True, "index": 1.5},
    "surface": {"index": 1.4, "radius": 600.0, "height": 1300.0},
    "biased": {"index": 1.2, "zenith_slope": -0.5, "dim": (1e4, 0.2)},
}


def inside(made):
    """Events with their vertex in a cylinder that all samples fill: weights for a flux, and what to compare."""
    w, t = made.weights, made.tree
    first = t.offsets[:-1]
    x, y, z = (getattr(t, name)[first] for name in "xyz")
    keep = (np.hypot(x, y) < 550) & (np.abs(z) < 600)
    e = w["PrimaryNeutrinoEnergy"]
    light = made.at_detector.particles()
    found = {
        "energy": (np.log10(e), np.linspace(4, 7, 13)),
        "zenith": (np.cos(w["PrimaryNeutrinoZenith"]), np.linspace(-1, 1, 11)),
        "z": (z, np.linspace(-600, 600, 7)),
        "r2": (np.hypot(x, y) ** 2, np.linspace(0, 550**2, 6)),
        "y": (w["BjorkenY"], np.linspace(0, 1, 9)),
        "kind": (w["InteractionType"] * np.sign(w["PrimaryNeutrinoType"]), np.arange(-3.5, 4)),
        "brightness": (np.log10(np.maximum(brightness.brightness(light), 1)), np.linspace(1, 7, 10)),
    }
    weight = w["OneWeight"] * e**-2.2
    return weight[keep], {name: (v[keep], edges) for name, (v, edges) in found.items()}


def agreement(a, b, n):
    """Chi-square per bin of two weighted histograms, with their absolute normalization."""
    out = {}
    for name, (_, edges) in a[1].items():
        sums, squares, entries = [], [], []
        for weight, columns in (a, b):
            sums.append(np.histogram(columns[name][0], edges, weights=weight / n)[0])
            entries.append(np.histogram(columns[name][0], edges)[0])
            squares.append(np.histogram(columns[name][0], edges, weights=(weight / n) ** 2)[0])
        variance = squares[0] + squares[1]
        used = np.minimum(*entries) >= 25  # fewer do not know their own variance
        out[name] = float(((sums[0] - sums[1])[used] ** 2 / variance[used]).sum()), int(used.sum())
    return out


@pytest.mark.parametrize("flavor", ["nue", "numu", "nutau"])
def test_samples_thrown_in_different_ways_agree_in_every_weighted_histogram(flavor):
    made = {
        name: inside(throw(flavor, seed=40 + k, energy=(1e4, 1e7), **s))
        for k, (name, s) in enumerate(SAMPLES.items())
    }
    for one, other in (("volume", "surface"), ("volume", "biased"), ("surface", "biased")):
        for name, (chi2, bins) in agreement(made[one], made[other], N).items():
            assert chi2 < bins + 5 * math.sqrt(2 * bins), (one, other, name, chi2, bins)


def test_a_bias_keeps_the_bright_events_and_thins_the_dim_ones():
    made = throw("nue", index=1.0, dim=(1e4, 0.1), seed=3)
    light = brightness.brightness(made.at_detector.particles())
    bias = made.weights["BiasWeight"]
    assert 0.2 < bias.size / N < 0.9
    assert (bias[light >= 1e4] == 1).all()
    np.testing.assert_allclose(bias, np.clip(1e4 / np.maximum(light, 1e-9), 1, 10))
    assert made.number.size == bias.size
    assert (np.diff(made.number) > 0).all()


def test_weights_have_the_same_names_for_all_flavors():
    names = [tuple(throw(flavor, n=3).weights) for flavor in ("nue", "numu", "nutau")]
    assert names[0] == names[1] == names[2]


def test_energies_and_directions_are_thrown_as_asked():
    made = throw("nue", energy=(1e3, 1e5), index=1.0, zenith=(0.5, 2.0))
    e, c = made.weights["PrimaryNeutrinoEnergy"], np.cos(made.weights["PrimaryNeutrinoZenith"])
    assert (e < 1e4).mean() == pytest.approx(0.5, abs=0.01)
    assert c.mean() == pytest.approx((math.cos(0.5) + math.cos(2.0)) / 2, abs=0.01)
    assert (made.weights["PrimaryNeutrinoType"] > 0).mean() == pytest.approx(0.5, abs=0.01)
    first = made.tree.offsets[:-1]
    assert (made.tree.shape[first] == tree.PRIMARY).all()
    assert primary.flight(np.zeros(1), np.zeros(1))[2] == -1


@pytest.mark.parametrize(
    ("flavor", "wrong", "message"),
    [
        ("nux", {}, "'nue', 'numu', 'nutau'; found 'nux'"),
        ("nue", {"interactions": ("XX",)}, "some of 'CC', 'NC', 'GR'"),
        ("numu", {"interactions": ("GR",)}, "GR for 'nue' only"),
        ("nue", {"dim": (1.0, 0.0)}, "share in"),
    ],
)
def test_wrong_arguments_are_refused(flavor, wrong, message):
    with pytest.raises(ValueError, match=message):
        neutrinos(flavor, **wrong)


def test_absorption_ends_where_a_neutrino_interacts_before_the_cylinder():
    made = throw("numu", 2000, energy=(1e8, 2e8), interactions=("CC",), zenith=(1.40, 1.45))
    w, first = made.weights, made.tree.offsets[:-1]
    at = [getattr(made.tree, name)[first] for name in "xyz"]
    matter = -np.log(w["PropagationWeight"]) / cross_sections.avogadro / _sigma(w)
    expected = earth.column(*at, w["PrimaryNeutrinoZenith"], w["PrimaryNeutrinoAzimuth"])
    # on average: the column is that to the centre, and the detector is not small beside the ice above it
    assert np.median(matter) > 3e5
    assert abs(np.median(matter - expected)) < 1e5

from __future__ import annotations

import numpy as np
import pytest

from icecol import weight
from icecol.weight import veto

ROWS = {  # zenith in degrees: overburden, surface energy; numu, nue, charm at 10 and 100 TeV; nue, charm at 1 PeV
    0: (1950, 2.386e3, (0.2663, 0.6457, 0.7203), (0.0000, 0.2934, 0.3467), (0.0488, 0.0683)),
    60: (3898, 5.173e3, (0.5053, 0.7807, 0.8405), (0.0056, 0.4578, 0.5155), (0.1383, 0.1766)),
    70: (5695, 1.071e4, (0.7031, 0.8981, 0.9336), (0.1106, 0.6682, 0.7176), (0.3305, 0.3863)),
    80: (11175, 1.070e5, (0.9978, 0.9981, 0.9991), (0.7808, 0.9829, 0.9893), (0.8901, 0.9169)),
}


@pytest.mark.parametrize("zenith", ROWS)
def test_passing_fractions_are_those_of_the_published_script(zenith):
    length, energy, at_10, at_100, at_1000 = ROWS[zenith]
    c = np.cos(np.radians(zenith))
    assert veto.overburden(c) == pytest.approx(length, abs=0.5)
    assert veto.surface_energy(c) == pytest.approx(energy, rel=2e-4)
    parents = ("numu", "nue", "charm")
    for e, values in ((1e4, at_10), (1e5, at_100)):
        assert [weight.passing_fraction(e, c, p) for p in parents] == pytest.approx(values, abs=5.1e-5)
    assert [weight.passing_fraction(1e6, c, p) for p in parents[1:]] == pytest.approx(at_1000, abs=5.1e-5)


def test_from_below_all_pass_and_near_the_horizon_too():
    c = np.array([-1.0, -0.1, 0.0, 1e-6, 0.02])
    for parent in ("numu", "nue", "charm"):
        assert np.allclose(weight.passing_fraction(1e5, c, parent), 1, atol=2e-3)


@pytest.mark.parametrize(("code", "parent", "prompt"), [
    (14, "numu", False), (-14, "numu", False), (12, "nue", False), (-12, "charm", True), (14, "charm", True),
])  # fmt: skip
def test_the_factor_of_a_flux_is_the_passing_fraction(code, parent, prompt):
    rng = np.random.default_rng(2)
    e, c = 10 ** rng.uniform(2, 8, 400), rng.uniform(-0.2, 1, 400)
    found = weight.self_veto(prompt=prompt).at(e, c, code)
    assert np.allclose(found, weight.passing_fraction(e, c, parent), atol=5e-3)
    assert found[c < 0].tolist() == [1.0] * int((c < 0).sum())


def test_the_table_of_the_factor_reaches_from_10_gev_to_1_eev():
    factor, ends = weight.self_veto(prompt=True), [10.0, 1e9]
    assert np.allclose(factor.at(ends, 0.3, 14), weight.passing_fraction(ends, 0.3, "charm"), rtol=1e-12)
    assert factor.at([1.0, 1e10], 0.3, 14).tolist() == factor.at(ends, 0.3, 14).tolist()


def test_a_lower_threshold_and_a_shallower_detector_veto_more():
    base = weight.passing_fraction(1e4, 0.5, "nue")
    assert weight.passing_fraction(1e4, 0.5, "nue", muon_energy=100) < base
    assert weight.passing_fraction(1e4, 0.5, "nue", depth=1500) < base
    assert weight.self_veto(depth=1500).at(1e4, 0.5, 12) < base


def test_unknown_parents_are_named():
    with pytest.raises(ValueError, match="'numu', 'nue', 'charm'; found 'nutau'"):
        weight.passing_fraction(1e5, 0.5, "nutau")

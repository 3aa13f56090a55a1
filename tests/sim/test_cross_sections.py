"""`cross_sections`: CSMS as tabulated, and inelasticities with the means that its dsigma/dy have."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.sim import cross_sections

NU, ANTI = 14, -14


def test_table_is_met_at_its_points_and_all_types_of_a_flavor_share_it():
    assert cross_sections.charged_current(1e4, NU) == pytest.approx(4.650e-35, rel=1e-12)
    assert cross_sections.neutral_current([1e2, 1e8], ANTI) == pytest.approx(
        [1.159e-37, 1.874e-33], rel=1e-12
    )
    for pdg in (12, 14, 16):
        assert cross_sections.charged_current(3e4, pdg) == cross_sections.charged_current(3e4, 12)
    assert cross_sections.charged_current(1e12, NU) == cross_sections.charged_current(1e9, NU)


def test_between_points_it_is_smooth_and_as_the_published_polynomial():
    energy = np.geomspace(10, 1e9, 400)
    x = np.log10(energy) - 5.5
    fit = (
        -33.3996 + 0.521878 * x - 0.0599038 * x**2 + 0.00964504 * x**3 + 0.000417913 * x**4 - 0.0002301 * x**5
    )
    found = cross_sections.charged_current(energy, NU)
    assert np.abs(10**fit / found - 1).max() < 0.07
    for f in (cross_sections.charged_current, cross_sections.neutral_current):
        slope = np.diff(np.log(f(energy, ANTI))) / np.diff(np.log(energy))
        assert (slope > 0.3).all()
        assert np.abs(np.diff(slope)).max() < 0.05


def test_resonance_has_the_published_peak_and_width_and_is_of_electron_antineutrinos_alone():
    energy = np.linspace(5e6, 8e6, 30_001)
    found = cross_sections.glashow(energy) / cross_sections.electrons
    assert found.max() == pytest.approx(5.08e-31, rel=2e-3)
    assert energy[found.argmax()] == pytest.approx(6.3217e6, rel=1e-3)
    above = energy[found > found.max() / 2]
    assert np.ptp(above) == pytest.approx(0.328e6, rel=0.01)
    assert np.trapezoid(found, energy) == pytest.approx(2.44e-25, rel=0.01)
    assert not cross_sections.glashow(6.3e6, [12, 14, -14, 16, -16]).any()
    peak = cross_sections.glashow(6.3217e6) / cross_sections.charged_current(6.3217e6, -12)
    assert peak == pytest.approx(181, rel=0.01)


def test_total_is_the_sum():
    parts = (cross_sections.charged_current, cross_sections.neutral_current, cross_sections.glashow)
    assert cross_sections.total(6e6, -12) == pytest.approx(sum(float(f(6e6, -12)) for f in parts))


@pytest.mark.parametrize(
    ("energy", "pdg", "mean"),
    [(1e3, NU, 0.4713), (1e4, NU, 0.4239), (1e5, NU, 0.3397), (1e6, NU, 0.2773), (1e7, NU, 0.2439),
     (1e8, NU, 0.2218), (1e3, ANTI, 0.3641), (1e4, ANTI, 0.3476), (1e5, ANTI, 0.3114), (1e8, ANTI, 0.2217),
     (1e2, NU, 0.4713), (1e9, NU, 0.2218)],
)  # fmt: skip
def test_inelasticity_has_the_tabulated_mean(energy, pdg, mean):
    n = 60_000
    drawn = cross_sections.inelasticity(np.random.default_rng(1), np.full(n, energy), np.full(n, pdg))
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert drawn.mean() == pytest.approx(mean, abs=0.0045)  # the fits are within 0.0014, a draw within 0.001


def test_between_the_energies_of_the_table_the_mean_is_between():
    n = 60_000
    drawn = cross_sections.inelasticity(np.random.default_rng(2), np.full(n, 10**4.5), np.full(n, NU))
    assert drawn.mean() == pytest.approx((0.4239 + 0.3397) / 2, abs=0.0045)


def test_quantiles_follow_the_density():
    n = 200_000
    drawn = cross_sections.inelasticity(np.random.default_rng(3), np.full(n, 1e6), np.full(n, NU))
    y = np.geomspace(1e-9, 1, 200_001)
    density = (y + 5.086e-3) ** -0.5166 * (1 + 1.2149 * (1 - y) ** 2)
    whole = np.trapezoid(density, y)
    for edge in (0.01, 0.1, 0.5, 0.9):
        below = np.trapezoid(density[y <= edge], y[y <= edge]) / whole
        assert (drawn < edge).mean() == pytest.approx(below, abs=0.004)

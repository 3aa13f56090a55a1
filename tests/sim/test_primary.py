from __future__ import annotations

import math

import numpy as np
import pytest

from icecol.sim import primary


def test_power_law_has_the_stated_density_and_bounds():
    for index in (1.0, 2.0, 2.7):
        energy, density = primary.power_law(np.random.default_rng(1), 40_000, (1e2, 1e5), index)
        assert energy.min() >= 1e2
        assert energy.max() <= 1e5
        # importance sampling: the mean of 1/density is the length of the interval
        inside = energy < 1e3
        assert (inside / density).mean() == pytest.approx(900, rel=0.05)


@pytest.mark.parametrize("zenith", ["isotropic", "atmospheric"])
def test_directions_have_the_stated_density(zenith):
    zen, azi, density = primary.directions(np.random.default_rng(1), 100_000, zenith)
    band = (np.cos(zen) > 0.5) & (np.cos(zen) < 0.9)
    assert (band / density).mean() == pytest.approx(2 * math.pi * 0.4, rel=0.03)
    assert azi.min() >= 0
    assert azi.max() < 2 * math.pi


def test_atmospheric_muons_come_from_above():
    zen, _, _ = primary.directions(np.random.default_rng(1), 1000, "atmospheric")
    assert (zen < math.pi / 2).all()


def test_an_unknown_choice_of_zenith_names_the_choices():
    with pytest.raises(ValueError, match="'isotropic' or 'atmospheric'; found 'up'"):
        primary.directions(np.random.default_rng(1), 1, "up")  # type: ignore[arg-type]


def test_muons_cross_a_disk_at_right_angles_to_their_flight():
    block = primary.muons(np.random.default_rng(2), 5000, (1e2, 1e4), 2.0, "isotropic", 700.0)
    ex, ey, ez = primary.flight(block.zenith, block.azimuth)
    assert np.hypot(np.hypot(ex, ey), ez) == pytest.approx(np.ones(5000))
    assert block.x * ex + block.y * ey + block.z * ez == pytest.approx(np.zeros(5000), abs=1e-9)
    r2 = block.x**2 + block.y**2 + block.z**2
    assert r2.max() <= 700.0**2
    assert np.mean(r2) == pytest.approx(700.0**2 / 2, rel=0.03)


def test_direction_from_above_flies_down():
    assert np.array(primary.flight(np.zeros(1), np.zeros(1))).ravel() == pytest.approx([0, 0, -1])


def test_muon_weight_is_area_times_solid_angle_times_energy_range():
    block = primary.muons(np.random.default_rng(2), 20_000, (1e2, 1e4), 2.0, "isotropic", 700.0)
    # a flux of one per GeV cm^2 s sr within the bounds
    assert block.one_weight.mean() == pytest.approx(math.pi * 7e4**2 * 4 * math.pi * 9900, rel=0.1)


def test_cross_section_is_the_table_at_its_points_and_rises_between():
    assert primary.cross_section(1e3) == pytest.approx(0.625e-35)
    energy = np.geomspace(10, 1e8, 50)
    assert (np.diff(primary.cross_section(energy)) > 0).all()


def test_cascades_start_inside_the_cylinder():
    block = primary.cascades(np.random.default_rng(2), 3000, (1e2, 1e4), 2.0, "isotropic")
    assert np.hypot(block.x, block.y).max() <= primary.cylinder_radius
    assert np.abs(block.z).max() <= primary.cylinder_height / 2

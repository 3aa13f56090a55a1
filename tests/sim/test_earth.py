"""`earth`: matter on the way of neutrinos against published columns, and what it lets through."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.sim import earth

ZENITH = np.radians([60, 90, 95, 100, 120, 150, 180])


def test_mass_is_that_of_the_earth():
    assert earth.mass() == pytest.approx(5.972e27, rel=1.1e-3)


def test_columns_to_the_centre_are_those_of_the_model():
    zero = np.zeros(7)
    found = earth.column(zero, zero, zero, ZENITH, zero)
    expected = [3.525e5, 1.439e7, 3.089e8, 7.264e8, 2.551e9, 6.788e9, 1.0948e10]
    assert found == pytest.approx(expected, rel=2e-4)
    assert earth.central_column(np.cos(ZENITH)) == pytest.approx(expected, rel=4e-4)


def test_interpolated_columns_are_as_those_that_are_integrated():
    c = np.random.default_rng(1).uniform(-1, 1, 2000)
    zero = np.zeros(c.size)
    assert earth.central_column(c) == pytest.approx(
        earth.column(zero, zero, zero, np.arccos(c), zero), rel=3e-4
    )


def test_transmission_is_as_published():
    expected = [
        [1.0000, 0.9999, 0.9998, 0.9994],
        [0.9995, 0.9975, 0.9919, 0.9773],
        [0.9886, 0.9482, 0.8391, 0.6105],
        [0.9733, 0.8823, 0.6619, 0.3134],
        [0.9093, 0.6443, 0.2348, 0.0170],
        [0.7765, 0.3104, 0.0212, 0.0],
        [0.6651, 0.1515, 0.0020, 0.0],
    ]
    found = earth.transmission(10.0 ** np.arange(4, 8), np.cos(ZENITH)[:, None], 14)
    assert found == pytest.approx(np.array(expected), abs=3e-4)


def test_column_is_the_integral_of_the_density_along_the_way_from_any_point():
    rng = np.random.default_rng(2)
    x, y, z = rng.uniform(-2000, 2000, (3, 5))
    z = np.minimum(z, 1500)
    zenith, azimuth = np.arccos(rng.uniform(-1, 1, 5)), rng.uniform(0, 6, 5)
    found = earth.column(x, y, z, zenith, azimuth)
    for i in range(5):
        s = np.linspace(0, 1.4e7, 1_400_001)
        u = [
            np.sin(zenith[i]) * np.cos(azimuth[i]),
            np.sin(zenith[i]) * np.sin(azimuth[i]),
            np.cos(zenith[i]),
        ]
        r = np.sqrt((x[i] + s * u[0]) ** 2 + (y[i] + s * u[1]) ** 2 + (z[i] + earth.centre + s * u[2]) ** 2)
        left = np.argmax(r > earth.surface)
        assert found[i] == pytest.approx(np.trapezoid(earth.density(r[:left]), s[:left]) * 100, rel=2e-3)


def test_a_way_through_so_much_matter_ends_there_or_at_the_surface():
    zero = np.zeros(5)
    zenith = np.radians([0, 60, 89, 91, 180])
    whole = earth.column(zero, zero, zero, zenith, zero)
    way, crossed = earth.along(zero, zero, zero, zenith, zero, np.full(5, 1e6))
    assert crossed == pytest.approx(np.minimum(whole, 1e6))
    assert way[0] == pytest.approx(earth.depth, abs=1e-6)
    assert way[2] == pytest.approx(1e6 / 92.1585)  # all of it in the ice
    bottom = earth.centre - 6_371_324.0
    assert way[4] == pytest.approx(bottom + (1e6 - bottom * 92.1585) / 265.0)
    ux, uz = np.sin(zenith), np.cos(zenith)
    rest = earth.column(way * ux, zero, way * uz, zenith, zero)
    assert rest == pytest.approx(whole - crossed, rel=1e-9, abs=1)

"""`icecol.detector.medium`: the constants of IceTray's I3Constants, and layers against a table of the ice."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.detector import medium


def test_constants_are_those_of_icetray():
    assert (medium.n_ice_phase, medium.n_ice_group) == (1.3195, 1.35634)
    assert medium.c_ice == pytest.approx(0.221030462863, abs=1e-12)
    assert medium.theta_cherenkov == pytest.approx(0.7107653, abs=1e-7)


def test_dust_layer_scatters_most_of_the_ice_among_the_sensors(shared_data):
    depth, scattering = np.loadtxt(shared_data / "ice" / "spice_lea_400nm.txt", usecols=(0, 1)).T
    z = medium.surface - depth
    low, high = medium.dust_layer
    assert (low, high) == pytest.approx((-151.93, -51.93))
    detector = (z > -500) & (z < 500)
    assert low < z[detector][np.argmax(scattering[detector])] < high
    inside = detector & (z > low) & (z < high)
    assert scattering[inside].mean() > 2 * scattering[detector & ~inside].mean()

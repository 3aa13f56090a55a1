"""`icecol.detector.medium`: the constants of IceTray's I3Constants."""

from __future__ import annotations

import pytest

from icecol.detector import medium


def test_constants_are_those_of_icetray():
    assert (medium.n_ice_phase, medium.n_ice_group) == (1.3195, 1.35634)
    assert medium.c_ice == pytest.approx(0.221030462863, abs=1e-12)
    assert medium.theta_cherenkov == pytest.approx(0.7107653, abs=1e-7)

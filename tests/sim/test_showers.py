from __future__ import annotations

import numpy as np
import pytest

from icecol.sim import showers


@pytest.mark.parametrize(
    ("energy", "electron", "hadrons"),
    [(1e2, 3.05, 4.07), (1e3, 3.95, 5.18), (1e4, 4.86, 6.30), (1e6, 6.66, 8.53)],
)
def test_cascades_are_as_long_as_published(energy, electron, hadrons):
    for hadronic, mean in ((False, electron), (True, hadrons)):
        shape, scale = showers.profile(energy, hadronic)
        assert shape * scale == pytest.approx(mean, abs=0.006)
    assert showers.middle(energy) == pytest.approx(electron, abs=0.006)


@pytest.mark.parametrize("hadronic", [False, True])
def test_points_are_the_middles_of_quarters(hadronic):
    shape, scale = showers.profile(1e5, hadronic)
    drawn = np.random.default_rng(1).gamma(shape, scale, 200_000)
    points = [showers.point(1e5, hadronic, k) for k in range(showers.POINTS)]
    assert points == pytest.approx(np.quantile(drawn, [0.125, 0.375, 0.625, 0.875]), rel=0.01)


def test_cascades_below_a_gev_are_points():
    assert [showers.point(0.5, False, k) for k in range(4)] == [0.0] * 4

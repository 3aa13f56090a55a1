"""`injection`: points, lines and directions are as dense as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from icecol.sim import injection, primary

R, H = 300.0, 800.0


@pytest.mark.parametrize("zenith", [0.0, 0.4, math.pi / 2, 2.2, math.pi])
def test_lines_cross_the_cylinder_evenly(zenith):
    n = 40_000
    rng = np.random.default_rng(1)
    zen, azi = np.full(n, zenith), np.full(n, 0.7)
    (x, y, z), way = injection.entries(rng, zen, azi, R, H)
    e = np.array(primary.flight(zen, azi))
    assert np.hypot(x, y).max() <= R * (1 + 1e-9)
    assert np.abs(z).max() <= H / 2 * (1 + 1e-9)
    middle = np.array([x, y, z]) + e * way / 2
    assert (np.hypot(middle[0], middle[1]) <= R * (1 + 1e-9)).all()
    before = np.array([x, y, z]) - e
    outside = (np.hypot(before[0], before[1]) > R) | (np.abs(before[2]) > H / 2)
    assert outside.mean() > 0.999
    # evenly over the area: the mean way is volume over area
    area = injection.projected(R, H, zen)[0]
    assert way.mean() == pytest.approx(math.pi * R**2 * H / area, rel=0.01)
    # and so is the share of lines through a smaller cylinder
    across = np.hypot(
        *(middle[:2] - (middle[:2] * e[:2]).sum(0) / np.maximum((e[:2] ** 2).sum(0), 1e-30) * e[:2])
    )
    if zenith == math.pi / 2:
        assert (across < R / 3).mean() == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("slope", [0.0, 0.6, -1.0, 1.0])
def test_directions_have_the_stated_density(slope):
    zenith, azimuth, ratio = injection.directions(np.random.default_rng(1), 50_000, (0.3, 2.5), slope)
    assert zenith.min() >= 0.3 - 1e-12
    assert zenith.max() <= 2.5 + 1e-12
    c = np.cos(zenith)
    low, high = math.cos(2.5), math.cos(0.3)
    for edge in (0.25, 0.5, 0.8):
        inside = (c - low) / (high - low) < edge
        assert (inside / np.maximum(ratio, 1e-9)).mean() == pytest.approx(edge, rel=0.05)
        assert inside.mean() == pytest.approx(edge + slope * (edge * edge - edge), abs=0.01)
    assert azimuth.max() < 2 * math.pi


def test_points_fill_the_cylinder():
    x, y, z = injection.inside(np.random.default_rng(1), 40_000, R, H)
    assert (np.hypot(x, y) < R / 2).mean() == pytest.approx(0.25, abs=0.01)
    assert (z > H / 4).mean() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"energy": (1.0, 1e3)}, "10 <= low"),
        ({"energy": (1e3, 1e3)}, "low < high"),
        ({"zenith": (0.0, 4.0)}, "`zenith`"),
        ({"zenith_slope": 1.5}, "from -1 to 1"),
        ({"height": 1800.0}, "at most 1700 m"),
        ({"radius": 0.0}, "`radius` must be positive"),
    ],
)
def test_ranges_that_models_do_not_cover_are_refused(wrong, message):
    right = {"energy": (1e2, 1e3), "zenith": (0.0, 3.0), "zenith_slope": 0.0, "radius": 1.0, "height": 1.0}
    with pytest.raises(ValueError, match=message):
        injection.check(**{**right, **wrong})

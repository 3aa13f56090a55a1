from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from icecol.reco.numerics.direction import across, direction, folded, rotated, towards

ZENITH = st.floats(0.01, math.pi - 0.01)
AZIMUTH = st.floats(0, 2 * math.pi, exclude_max=True)
COMPONENT = st.floats(-1, 1)


@given(ZENITH, AZIMUTH, st.floats(1e-3, 1e3))
def test_a_velocity_comes_from_the_direction_that_it_was_made_of(zenith, azimuth, speed):
    velocity = [speed * v for v in towards(zenith, azimuth)]
    assert math.hypot(*velocity) == pytest.approx(speed)
    found, around = direction(*velocity)
    assert found == pytest.approx(zenith, abs=1e-9)
    assert math.remainder(around - azimuth, 2 * math.pi) == pytest.approx(0, abs=1e-9)
    assert 0 <= around < 2 * math.pi


@pytest.mark.parametrize(
    ("velocity", "expected"),
    [
        ((0, 0, -1), (0, math.pi)),  # straight down: from above
        ((0, 0, 1), (math.pi, math.pi)),
        ((1, 0, 0), (math.pi / 2, math.pi)),
        ((-1, 0, 0), (math.pi / 2, 0)),
        ((0, -1, 0), (math.pi / 2, math.pi / 2)),
        ((0, 0, 0), (math.pi, math.pi)),
        ((0, 0, -1e-320), (0, math.pi)),  # too short for its square
    ],
)
def test_directions_along_the_axes(velocity, expected):
    assert direction(*map(float, velocity)) == pytest.approx(expected, abs=1e-12)


def test_a_velocity_of_nan_comes_from_nowhere():
    assert math.isnan(direction(math.nan, 0.0, 0.0)[0])


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_folding_keeps_the_direction(zenith, azimuth):
    z, a = folded(zenith, azimuth)
    assert 0 <= z <= math.pi
    assert 0 <= a <= 2 * math.pi
    assert towards(z, a) == pytest.approx(towards(zenith, azimuth), abs=1e-13)


@given(ZENITH, AZIMUTH)
def test_the_vectors_across_another_are_at_right_angles(zenith, azimuth):
    e = towards(zenith, azimuth)
    axes = np.array([e, *across(e)])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


@given(COMPONENT, COMPONENT, COMPONENT, ZENITH, AZIMUTH, st.floats(-7, 7))
def test_turning_is_that_of_rodrigues(x, y, z, zenith, azimuth, angle):
    v, k = np.array([x, y, z]), np.array(towards(zenith, azimuth))
    expected = v * math.cos(angle) + np.cross(k, v) * math.sin(angle) + k * (k @ v) * (1 - math.cos(angle))
    assert rotated((x, y, z), tuple(k), angle) == pytest.approx(expected, abs=1e-12)


@given(ZENITH, AZIMUTH, st.floats(0.1, 3))
def test_a_right_handed_screw_turns_x_to_y_around_z(zenith, azimuth, angle):
    assume(abs(math.sin(angle)) > 1e-6)
    turned = rotated((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), angle)
    assert turned == pytest.approx((math.cos(angle), math.sin(angle), 0.0))

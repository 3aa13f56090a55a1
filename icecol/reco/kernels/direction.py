"""Between a velocity and the direction that a particle came from, as IceTray's I3Direction has it."""

from __future__ import annotations

import math

from numba import njit


@njit(nogil=True, error_model="numpy")
def direction(vx, vy, vz):
    """Return (zenith, azimuth) in rad of where a particle with velocity v came from; a zero vector gives (pi, pi)."""
    size = math.sqrt(vx * vx + vy * vy + vz * vz)
    theta = 0.0
    if size != 0.0 and abs(vz / size) <= 1.0:
        theta = math.acos(vz / size)
    elif vz < 0.0:
        theta = math.pi
    elif math.isnan(size):
        theta = math.nan
    phi = 0.0
    if vx != 0.0 or vy != 0.0:
        phi = math.atan2(vy, vx)
    if phi < 0.0:
        phi += 2 * math.pi
    azimuth = phi + math.pi
    if azimuth >= 2 * math.pi:
        azimuth -= 2 * math.pi
    return math.pi - theta, azimuth


@njit(nogil=True, error_model="numpy")
def towards(zenith, azimuth):
    """Return the unit vector along which a particle from (zenith, azimuth) flies, to the last bit as IceTray's."""
    theta, phi = math.pi - zenith, azimuth + math.pi
    return math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)

"""Between a velocity and the direction that a particle came from, as IceTray's I3Direction has it."""

from __future__ import annotations

import math

from icecol.jit.function import compiled


@compiled
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


@compiled
def towards(zenith, azimuth):
    """Return the unit vector along which a particle from (zenith, azimuth) flies, to the last bit as IceTray's."""
    theta, phi = math.pi - zenith, azimuth + math.pi
    return math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)


@compiled
def folded(zenith, azimuth):
    """Return the same direction with the zenith angle in [0, pi] and the azimuth in [0, 2 pi)."""
    zenith %= 2.0 * math.pi
    if zenith > math.pi:
        zenith, azimuth = 2.0 * math.pi - zenith, azimuth + math.pi
    return zenith, azimuth % (2.0 * math.pi)


@compiled
def across(e):
    """Return two unit vectors at right angles to one and to each other, as IceTray's I3Calculator takes them."""
    least = 1 if abs(e[1]) < abs(e[0]) else 0
    if abs(e[2]) < abs(e[least]):
        least = 2
    px, py, pz = e[least], e[(least + 1) % 3], e[(least + 2) % 3]
    size = math.sqrt(py * py + pz * pz)
    one, two = (0.0, pz / size, -py / size), (-size, px * py / size, px * pz / size)
    i, j, k = (3 - least) % 3, (4 - least) % 3, (5 - least) % 3
    return (one[i], one[j], one[k]), (two[i], two[j], two[k])


@compiled
def rotated(v, axis, angle):
    """Return a vector turned by an angle (rad) around a unit vector, as a right-handed screw."""
    cos, sin = math.cos(angle), math.sin(angle)
    along = (1.0 - cos) * (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2])
    return (
        cos * v[0] + sin * (axis[1] * v[2] - axis[2] * v[1]) + along * axis[0],
        cos * v[1] + sin * (axis[2] * v[0] - axis[0] * v[2]) + along * axis[1],
        cos * v[2] + sin * (axis[0] * v[1] - axis[1] * v[0]) + along * axis[2],
    )

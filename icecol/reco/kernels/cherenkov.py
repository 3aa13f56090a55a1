"""Cherenkov geometry: where and when the light that reaches a DOM left a track, as IceTray's I3Calculator has it.

The light leaves at the angle acos(1 / n_phase) and travels at the group velocity; the particle travels at the speed of
light in vacuum. Products and sums run in the order of IceTray, so that results agree with stored ones to the last bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from icecol.detector.medium import n_ice_group, theta_cherenkov
from icecol.jit.function import compiled
from icecol.reco.kernels.locate import row_of
from icecol.units import c

CASCADE, INFINITE_TRACK, STARTING_TRACK, STOPPING_TRACK, CONTAINED_TRACK = 30, 40, 50, 60, 70
"""I3Particle.ParticleShape."""

_SIN, _TAN = math.sin(theta_cherenkov), math.tan(theta_cherenkov)
_TURN = 2 * math.pi


class Track(NamedTuple):
    """A particle with what all DOMs share: its unit vector, and the rotation that aligns it with z."""

    x: float
    y: float
    z: float
    time: float
    ex: float
    ey: float
    ez: float
    cos_phi: float
    sin_phi: float
    cos_theta: float
    sin_theta: float
    shape: int
    length: float


@compiled
def make_track(x, y, z, time, zenith, azimuth, shape, length):
    """Return the Track of a particle from (zenith, azimuth), in rad. NaN gives NaN everywhere."""
    phi = math.pi + azimuth
    if phi >= _TURN:
        phi -= _TURN
    theta = math.pi - zenith
    ex, ey, ez = (
        -math.sin(zenith) * math.cos(azimuth),
        -math.sin(zenith) * math.sin(azimuth),
        -math.cos(zenith),
    )
    cos_phi, sin_phi, cos_theta, sin_theta = math.cos(phi), math.sin(phi), math.cos(theta), math.sin(theta)
    return Track(x, y, z, time, ex, ey, ez, cos_phi, sin_phi, cos_theta, sin_theta, shape, length)


@compiled
def distance_along_track(track, x, y, z):
    """Return the distance (m) of a point along the track from its vertex, whatever its length; NaN for a cascade."""
    if track.shape == CASCADE:
        return math.nan
    return _along(track, x - track.x, y - track.y, z - track.z)


@compiled
def closest_approach_distance(track, x, y, z):
    """Return the distance (m) of a point to the track, or to its nearer end if the closest point is beyond that."""
    s, distance = _closest(track, x, y, z)
    shape = track.shape
    if shape == CASCADE or (s < 0.0 and shape in (STARTING_TRACK, CONTAINED_TRACK)):
        return _magnitude(x - track.x, y - track.y, z - track.z)
    if shape == STOPPING_TRACK and s > 0.0:
        return _magnitude(x - track.x, y - track.y, z - track.z)
    if shape == CONTAINED_TRACK and s > track.length:
        length = track.length
        ex, ey, ez = track.x + length * track.ex, track.y + length * track.ey, track.z + length * track.ez
        return _magnitude(x - ex, y - ey, z - ez)
    return distance


@compiled
def cherenkov(track, x, y, z):
    """Return the emission point (m along the track from its vertex), path length (m) and arrival time of direct light.

    The time (ns) is relative to that of the vertex. All are NaN if the track does not exist at the emission point. The
    light of a cascade is emitted at its vertex.
    """
    if track.shape == CASCADE:
        distance = _magnitude(x - track.x, y - track.y, z - track.z)
        return 0.0 * distance, distance, distance / (c / n_ice_group)
    _, emission, path, arrival = endless(track, x, y, z)
    before, behind = emission < 0.0, emission > track.length
    shape = track.shape
    if (
        (shape == STARTING_TRACK and before)
        or (shape == STOPPING_TRACK and emission > 0.0)
        or (shape == CONTAINED_TRACK and (before or behind))
    ):
        return math.nan, math.nan, math.nan
    return emission, path, arrival


@compiled
def endless(track, x, y, z):
    """Return the distance to an infinite track, and what `cherenkov` returns for it."""
    s, closest = _closest(track, x, y, z)
    # IceTray computes the distance to the point of closest approach a second time, by rotation
    s = _along(
        track,
        track.x + s * track.ex - track.x,
        track.y + s * track.ey - track.y,
        track.z + s * track.ez - track.z,
    )
    path = closest / _SIN
    emission = s - closest / _TAN
    return closest, emission, path, (emission + path * n_ice_group) / c


@compiled
def time_residual(track, time, arrival):
    """Return the time residual (ns) of a pulse with respect to direct light that arrived at that time (`cherenkov`)."""
    return time - track.time - arrival


def cherenkov_pulses(
    offsets, time, omkey, lookup, gx, gy, gz, tx, ty, tz, tt, zenith, azimuth, length, shape, out
):
    """Fill in the results for each pulse of each event, one row per quantity.

    Rows: time residual, closest approach, distance along the track, arrival time, path length of the light, and x, y,
    z of its emission point; NaN for a DOM that is not in the geometry. (`icecol.reco.tracks` compiles it.)
    """
    for i in range(offsets.size - 1):
        track = make_track(tx[i], ty[i], tz[i], tt[i], zenith[i], azimuth[i], shape, length[i])
        for j in range(offsets[i], offsets[i + 1]):
            row = row_of(omkey[j], lookup)
            if row < 0:
                out[:, j] = math.nan
                continue
            x, y, z = gx[row], gy[row], gz[row]
            emission, path, arrival = cherenkov(track, x, y, z)
            out[0, j] = time_residual(track, time[j], arrival)
            out[1, j] = closest_approach_distance(track, x, y, z)
            out[2, j] = distance_along_track(track, x, y, z)
            out[3, j] = arrival
            out[4, j] = path
            out[5, j] = track.x + emission * track.ex
            out[6, j] = track.y + emission * track.ey
            out[7, j] = track.z + emission * track.ez


@compiled
def _along(track, dx, dy, dz):
    return track.cos_theta * dz + track.sin_theta * (track.cos_phi * dx + track.sin_phi * dy)


@compiled
def _closest(track, x, y, z):
    """Return the position along the infinite track of its closest point, and its distance."""
    s = track.ex * (x - track.x) + track.ey * (y - track.y) + track.ez * (z - track.z)
    px, py, pz = track.x + s * track.ex, track.y + s * track.ey, track.z + s * track.ez
    return s, _magnitude(x - px, y - py, z - pz)


@compiled
def _magnitude(x, y, z):
    return math.sqrt(x * x + y * y + z * z)

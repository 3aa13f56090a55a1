"""Seeds of track fits: a track moved to where and when its light fits the pulses, as IceTray's seed service does."""

from __future__ import annotations

import math

from numba import njit

from icecol.reco.kernels.direction import towards

T_NONE, T_MEAN, T_FIRST = 0, 1, 2
"""How the time of a seed is set: not at all, no mean residual, no negative residual."""

_C, _N_PHASE, _N_GROUP = 0.299792458, 1.3195, 1.35634


@njit(nogil=True, error_model="numpy")
def closest_to_cog(cog, vertex, time, zenith, azimuth):
    """Move a vertex along its track, at speed c, to the point closest to the centre of charge."""
    ex, ey, ez = towards(zenith, azimuth)
    s = ex * (cog[0] - vertex[0]) + ey * (cog[1] - vertex[1]) + ez * (cog[2] - vertex[2])
    return (vertex[0] + s * ex, vertex[1] + s * ey, vertex[2] + s * ez), time + s / _C


@njit(nogil=True, error_model="numpy")
def shifted_time(place, times, vertex, time, zenith, azimuth, shift, max_mean_residual):
    """Return the time for which the mean, or the smallest, residual of the first pulses at light speed is 0.

    The smallest is taken over residuals of at least the mean less max_mean_residual (ns).
    """
    n = times.size
    if shift == T_NONE or n == 0:
        return time
    mean = 0.0
    for i in range(n):
        mean += residual(place, times, i, vertex, time, zenith, azimuth) / n
    if shift == T_MEAN:
        return time + mean
    first = math.inf
    for i in range(n):
        r = residual(place, times, i, vertex, time, zenith, azimuth)
        if mean - max_mean_residual <= r < first:
            first = r
    return time + first


@njit(nogil=True, error_model="numpy")
def residual(place, times, i, vertex, time, zenith, azimuth):
    """Return by how much a pulse is later than Cherenkov light that was not scattered, in ns."""
    ex, ey, ez = towards(zenith, azimuth)
    rx, ry, rz = place[0, i] - vertex[0], place[1, i] - vertex[1], place[2, i] - vertex[2]
    s = rx * ex + ry * ey + rz * ez
    d = math.sqrt((rx - s * ex) ** 2 + (ry - s * ey) ** 2 + (rz - s * ez) ** 2)
    slow = (_N_PHASE * _N_GROUP - 1.0) / math.sqrt(_N_PHASE * _N_PHASE - 1.0)
    return times[i] - time - (s + d * slow) / _C

"""Seeds of fits: a particle moved in space and time to match the pulses, as IceTray's seed service does."""

from __future__ import annotations

import math

import numpy as np

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.numerics.direction import across, direction, rotated, towards

T_NONE, T_MEAN, T_FIRST, T_CHARGE_FRACTION, T_DIRECT_CHARGE_FRACTION = range(5)
"""How the time of a seed is set: not at all, mean residual 0, no negative residual, a fraction of the charge late."""

NO_ALTERNATIVES, REVERSE, TETRAHEDRON, CUBE = range(4)
"""Further directions to which a seed is turned."""

_C, _N_PHASE, _N_GROUP = 0.299792458, 1.3195, 1.35634


@compiled
def seen(time, charge, omkey, x, y, z, shift):
    """Return position (3, n), time and charge of the pulses that set the time: the first of each DOM, or all.

    The pulses of one event are sorted by omkey; those at a time that is not finite are left out.
    """
    timed = np.isfinite(time)
    if not timed.all():
        time, charge, omkey, x, y, z = time[timed], charge[timed], omkey[timed], x[timed], y[timed], z[timed]
    chosen = np.arange(time.size) if shift == T_CHARGE_FRACTION else first_pulses(omkey)[:-1]
    place, times, charges = np.empty((3, chosen.size)), np.empty(chosen.size), np.empty(chosen.size)
    for i, j in enumerate(chosen):
        place[0, i], place[1, i], place[2, i] = x[j], y[j], z[j]
        times[i], charges[i] = time[j], charge[j]
    return place, times, charges


@compiled
def closest_to_cog(cog, vertex, time, zenith, azimuth):
    """Move a vertex along its track, at speed c, to the point closest to the centre of charge."""
    ex, ey, ez = towards(zenith, azimuth)
    s = ex * (cog[0] - vertex[0]) + ey * (cog[1] - vertex[1]) + ez * (cog[2] - vertex[2])
    return (vertex[0] + s * ex, vertex[1] + s * ey, vertex[2] + s * ez), time + s / _C


@compiled
def tweak(pulses, cog, vertex, time, zenith, azimuth, moves):
    """Return vertex and time of a track moved to the centre of charge, and in time; `pulses` as from `seen`."""
    vertex, time = closest_to_cog(cog, vertex, time, zenith, azimuth)
    return vertex, time + time_shift(track_residuals(pulses, vertex, time, zenith, azimuth), pulses[2], moves)


@compiled
def time_shift(late, charges, moves):
    """Return the time shift (ns) of a seed, from the residuals (ns) and charges of the pulses.

    `moves` is the kind, how far (ns) below the mean a residual may be to count as the first (NaN: any), and the
    fraction of the charge that is to be late.
    """
    kind, max_mean_residual, charge_fraction = moves
    if kind == T_NONE or late.size == 0:
        return 0.0
    if kind in (T_CHARGE_FRACTION, T_DIRECT_CHARGE_FRACTION):
        return _of_charge(late, charges, charge_fraction)
    mean = 0.0
    for r in late:
        mean += r / late.size
    if kind == T_MEAN:
        return mean
    least = -math.inf if math.isnan(max_mean_residual) else mean - max_mean_residual
    first = math.inf
    for r in late:
        first = r if least <= r < first else first
    return first if math.isfinite(first) else 0.0


@compiled
def _of_charge(late, charges, fraction):
    """Return the residual of the pulse at which the fraction of the charge that is to be early is exceeded."""
    order = np.argsort(late, kind="mergesort")
    early, found = (1.0 - fraction) * charges.sum(), 0.0
    for j in order:
        found += charges[j]
        if found >= early:
            return late[j]
    return 0.0


@compiled
def track_residuals(pulses, vertex, time, zenith, azimuth):
    """Return the time residual of each pulse with respect to unscattered Cherenkov light, in ns."""
    place, times, _ = pulses
    ex, ey, ez = towards(zenith, azimuth)
    slow = (_N_PHASE * _N_GROUP - 1.0) / math.sqrt(_N_PHASE * _N_PHASE - 1.0)
    late = np.empty(times.size)
    for i in range(times.size):
        rx, ry, rz = place[0, i] - vertex[0], place[1, i] - vertex[1], place[2, i] - vertex[2]
        s = rx * ex + ry * ey + rz * ez
        d = math.sqrt((rx - s * ex) ** 2 + (ry - s * ey) ** 2 + (rz - s * ez) ** 2)
        late[i] = times[i] - time - (s + d * slow) / _C
    return late


@compiled
def cascade_residuals(pulses, vertex, time):
    """Return the time residual of each pulse with respect to unscattered light from a point, in ns."""
    place, times, _ = pulses
    late = np.empty(times.size)
    for i in range(times.size):
        rx, ry, rz = place[0, i] - vertex[0], place[1, i] - vertex[1], place[2, i] - vertex[2]
        late[i] = times[i] - time - math.sqrt(rx * rx + ry * ry + rz * rz) / c_ice
    return late


@compiled
def directions(zenith, azimuth, alternatives):
    """Return the direction of a seed and those that it is turned to: zenith and azimuth (rad) in each row.

    None; the reverse; the other corners of a tetrahedron; or the reverse and the four at right angles.
    """
    e = towards(zenith, azimuth)
    one, two = across(e)
    there = np.empty((6, 2))
    there[0, 0], there[0, 1] = zenith, azimuth
    n = 1
    if alternatives in (REVERSE, CUBE):
        there[n, 0], there[n, 1] = direction(-e[0], -e[1], -e[2])
        n += 1
    if alternatives == CUBE:
        for v in (one, two):
            there[n, 0], there[n, 1] = direction(v[0], v[1], v[2])
            there[n + 1, 0], there[n + 1, 1] = direction(-v[0], -v[1], -v[2])
            n += 2
    if alternatives == TETRAHEDRON:
        corner = rotated(e, one, math.acos(-1.0 / 3.0))
        for _ in range(3):
            there[n, 0], there[n, 1] = direction(corner[0], corner[1], corner[2])
            corner = rotated(corner, e, 2.0 * math.pi / 3.0)
            n += 1
    return there[:n]

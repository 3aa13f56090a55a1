"""Pulses of light that came straight from a track, and those before and after it."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.ascending import ascending
from icecol.reco.kernels.cherenkov import cherenkov, distance_along_track, make_track, time_residual
from icecol.reco.kernels.improved_linefit import first_pulses
from icecol.reco.kernels.track_characteristics import smoothness


@njit(nogil=True, error_model="numpy")
def direct_hits(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    begin, end,
):  # fmt: skip
    """Count the pulses of one event, sorted by omkey, with begin <= time residual <= end, before, and after.

    As IceTray's CommonVariables. Returns n_strings, n_doms, n_pulses and charge (PE) of the direct, then of the early,
    then of the late pulses; dir_track_length (m) and dir_track_hit_distribution_smoothness, of the places along the
    track of the sensors with direct pulses (NaN for fewer than two and three).
    """
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    first = first_pulses(omkey)
    n = first.size - 1
    places = np.empty(n)
    found, charges = np.zeros((3, 3), np.int64), np.zeros(3)
    last = np.full(3, -1 << 31)
    for i in range(n):
        a, b = first[i], first[i + 1]
        string = omkey[a] >> 16
        _, _, arrival = cherenkov(track, x[a], y[a], z[a])
        seen = 0
        for j in range(a, b):
            residual = time_residual(track, time[j], arrival)
            if math.isnan(residual):
                continue
            group = 1 if residual < begin else (0 if residual <= end else 2)
            seen |= 1 << group
            found[group, 2] += 1
            charges[group] += charge[j]
        if seen & 1:
            places[found[0, 1]] = distance_along_track(track, x[a], y[a], z[a])
        for group in range(3):
            if seen >> group & 1:
                found[group, 0] += string != last[group]
                found[group, 1] += 1
                last[group] = string
    length, smooth = math.nan, math.nan
    if found[0, 1] >= 2:
        places = places[ascending(places[: found[0, 1]])]
        length = places[-1] - places[0]
        smooth = smoothness(places)
    return (
        found[0, 0], found[0, 1], found[0, 2], charges[0],
        found[1, 0], found[1, 1], found[1, 2], charges[1],
        found[2, 0], found[2, 1], found[2, 2], charges[2],
        length, smooth,
    )  # fmt: skip
